"""`python -m densepose_cache.cli`."""

from .main import main

main()
