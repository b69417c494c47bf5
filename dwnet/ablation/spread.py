"""Places spread evenly over a row."""


def spread(length: int, number: int) -> list[int]:
    """At most `number` of the places 0..length-1, ascending: the middles of `number` equal parts."""
    number = min(number, length)
    return [(2 * place + 1) * length // (2 * number) for place in range(number)]
