"""Weights of the official DwNet code as networks of this package."""

from .model.official.state_dict import load_discriminator, load_generator

__all__ = ["load_discriminator", "load_generator"]
