"""U and V of each part at evenly spaced local coordinates."""

import numpy as np

KNOTS = np.linspace(0, 1, 2)
UP, DOWN = (0, 255), (255, 0)
TABLES = {
    1: ("pq", UP, DOWN),
    2: ("pq", UP, DOWN),
    3: ("qp", DOWN, UP),
    4: ("qp", UP, UP),
    5: ("pq", UP, UP),
    6: ("pq", DOWN, UP),
    7: ("pq", UP, UP),
    8: ("pq", UP, UP),
    9: ("pq", DOWN, DOWN),
    10: ("pq", DOWN, DOWN),
    11: ("pq", DOWN, UP),
    12: ("pq", DOWN, UP),
    13: ("pq", UP, UP),
    14: ("pq", UP, UP),
    15: ("pq", UP, UP),
    16: ("pq", UP, UP),
    17: ("pq", UP, UP),
    18: ("pq", UP, UP),
    19: ("pq", DOWN, DOWN),
    20: ("pq", DOWN, DOWN),
    21: ("pq", UP, UP),
    22: ("pq", UP, UP),
    23: ("qp", DOWN, UP),
    24: ("qp", UP, UP),
}
