"""Photo and motion fitted to each other before the animation: the driving body's size and place, and where the motion begins."""
