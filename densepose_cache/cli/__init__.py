"""The command line `densepose-cache`."""
