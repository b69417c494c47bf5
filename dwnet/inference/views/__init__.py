"""Several pictures of one person: which of them shows what, and frames that take every pixel from the one that shows it best."""
