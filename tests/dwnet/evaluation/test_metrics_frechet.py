"""The Frechet distance against scipy's matrix square root and torch-fidelity's own formula."""

import numpy as np
import pytest
import scipy.linalg
from torch_fidelity.metric_fid import fid_statistics_to_metric

from dwnet.evaluation.metrics.frechet import Gaussian, frechet_distance


def features(seed, count, dimensions, shift=0.0):
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(size=(dimensions, dimensions)) / np.sqrt(dimensions)
    return rng.normal(size=(count, dimensions)) @ mix + shift + 3


def gaussian(values, batch=7):
    total = Gaussian()
    for start in range(0, len(values), batch):
        total.add(values[start : start + batch])
    return total


def by_scipy(a, b):
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    return np.square(a.mean(0) - b.mean(0)).sum() + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)


@pytest.mark.parametrize("count", [40, 200, 900])
def test_equals_scipy_and_torch_fidelity(count):
    a, b = features(1, count, 20), features(2, count // 2 + 20, 20, shift=0.3)
    value = frechet_distance(gaussian(a), gaussian(b))
    assert value == pytest.approx(by_scipy(a, b), rel=1e-6)
    statistics = [{"mu": x.mean(0), "sigma": np.cov(x.T)} for x in (a, b)]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)
    assert value == pytest.approx(next(iter(theirs.values())), rel=1e-6)


def test_rank_deficient_features_are_exact():
    """12 samples in 50 dimensions: compare with the eigenvalues of the small Gram matrix, in extended steps."""
    a, b = features(3, 12, 50), features(4, 15, 50)
    x, y = (a - a.mean(0)) / np.sqrt(11), (b - b.mean(0)) / np.sqrt(14)
    gram = x @ y.T @ y @ x.T
    trace = np.sqrt(np.linalg.eigvalsh((gram + gram.T) / 2).clip(0)).sum()
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.square(x).sum() + np.square(y).sum() - 2 * trace
    value = frechet_distance(gaussian(a), gaussian(b))
    assert value == pytest.approx(expected, rel=1e-5)
    assert frechet_distance(gaussian(a), gaussian(a, batch=5)) == pytest.approx(0, abs=1e-9)


def test_known_value_of_two_diagonal_gaussians():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(500, 3))
    values = (values - values.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(values.T)).T)
    first, second = values * [1, 2, 3] + [0, 0, 0], values * [2, 2, 5] + [1, 2, 0]
    assert frechet_distance(gaussian(first), gaussian(second)) == pytest.approx(1 + 4 + 1 + 0 + 4, rel=1e-9)


def test_batches_do_not_matter_and_memory_is_bounded():
    values = features(5, 1000, 8)
    in_batches = gaussian(values, batch=3)
    assert len(in_batches._rows) <= 4 * 8 + 4
    np.testing.assert_allclose(in_batches.factor().T @ in_batches.factor(), np.cov(values.T), atol=1e-12)
    np.testing.assert_allclose(in_batches.mean, values.mean(0), atol=1e-12)


@pytest.mark.parametrize("count", [12, 80])
def test_drawn_features_count_as_often_as_they_were_drawn(count):
    """Below and above as many vectors as dimensions: the same as writing each down so many times."""
    values, times = features(6, count, 20), np.random.default_rng(7).integers(0, 4, count)
    drawn, repeated = Gaussian.drawn(values, times), gaussian(np.repeat(values, times, axis=0))
    np.testing.assert_allclose(drawn.mean, repeated.mean, atol=1e-12)
    np.testing.assert_allclose(drawn.factor().T @ drawn.factor(), np.cov(np.repeat(values, times, axis=0).T), atol=1e-12)
    other = gaussian(features(8, 50, 20))
    assert frechet_distance(other, drawn) == pytest.approx(frechet_distance(other, repeated), rel=1e-9)


def test_one_sample_has_no_covariance():
    one = Gaussian()
    one.add(np.zeros((1, 4)))
    with pytest.raises(ValueError, match="two feature vectors"):
        frechet_distance(one, one)
