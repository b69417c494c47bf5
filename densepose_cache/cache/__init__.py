"""Shards of a data set's cache: written by the stages, linked by an index, read by the trainer."""
