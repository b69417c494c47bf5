"""Weights of the official DwNet code, read and written."""
