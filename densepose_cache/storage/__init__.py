"""Files on disk: names, links, what opens them, and what is kept of earlier results."""
