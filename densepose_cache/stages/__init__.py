"""The stages of the cache, one file a rule: what it does, and the command that calls it."""
