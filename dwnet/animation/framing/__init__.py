"""Who is animated and what part of the picture: people are looked for on a few frames, one is chosen, a square is put around them."""
