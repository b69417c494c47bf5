"""The backends that IUV maps come from."""
