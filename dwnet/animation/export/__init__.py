"""A generator for programs without this package: its step from one frame to the next as a file, and what it is given as another."""
