"""How the embedded IUV network was trained."""
