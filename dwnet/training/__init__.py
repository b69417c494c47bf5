"""Training: the loop, its step, its losses, its states."""
