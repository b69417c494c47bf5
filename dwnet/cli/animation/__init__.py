"""Subcommands that animate pictures."""
