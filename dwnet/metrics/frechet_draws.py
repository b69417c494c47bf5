"""Frechet distances of drawn clips: the distribution from which the interval of a Frechet distance is read."""

from collections.abc import Callable, Mapping

import numpy as np

from .frechet import Gaussian, frechet_distance


def frechet_draws(
    real: np.ndarray, methods: Mapping[str, np.ndarray], clip: np.ndarray, draws: np.ndarray, advance: Callable[[], None]
) -> dict[str, np.ndarray]:
    """Distances (B,) of every method for B draws of clips, real and generated frames of the same draw compared with each other.

    `real` and each of `methods` are features (N, D) of the same frames, `clip` (N,) the number of each frame's clip, `draws` (B, K) how
    often each clip was drawn. `advance` is called after every distance. Time grows with the cube of the smaller one of N and D.
    """
    found = {method: np.empty(len(draws)) for method in methods}
    for number, counts in enumerate(draws):
        times = counts[clip]
        wanted = Gaussian.drawn(real, times)
        for method, features in methods.items():
            found[method][number] = frechet_distance(wanted, Gaussian.drawn(features, times))
            advance()
    return found
