"""How a result is made again, and whether today's inputs are those that it was made from (`dwnet reproduce`)."""
