"""Files on disk: what is kept of earlier results."""
