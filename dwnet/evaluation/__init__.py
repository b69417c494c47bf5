"""Metrics of generated frames and of the baselines against the real ones."""
