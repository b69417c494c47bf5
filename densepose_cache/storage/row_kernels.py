"""The arithmetic of `rows`, modulo 256."""

from numba import njit


@njit(cache=True)
def subtract_above(pixels, row):
    """Of `pixels` (bytes,) uint8, rows of `row` bytes: take the row above from every row but the first, in place."""
    for start in range(pixels.size - row, 0, -row):
        here, above = pixels[start : start + row], pixels[start - row : start]
        for i in range(row):
            here[i] -= above[i]


@njit(cache=True)
def add_above(pixels, row):
    """Undo `subtract_above`, in place."""
    for start in range(row, pixels.size, row):
        here, above = pixels[start : start + row], pixels[start - row : start]
        for i in range(row):
            here[i] += above[i]
