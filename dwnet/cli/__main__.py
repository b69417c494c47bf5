"""`python -m dwnet.cli`."""

from .main import main

main()
