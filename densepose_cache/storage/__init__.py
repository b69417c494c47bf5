"""Files: names, links, and what opens them."""
