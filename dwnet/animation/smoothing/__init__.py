"""Driving maps evened out over time, along the body's motion and not in place."""
