"""Generators, and what they are given beside the five arguments that all of them take."""
