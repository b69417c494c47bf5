"""features.h5: what is written comes back, and what is wrong with a file is said."""

import h5py
import numpy as np
import pytest

from densepose_cache.core.errors import InputError
from dwnet.evaluation.metrics.feature_file import FeatureWriter, open_features

LENGTHS = {"a": 3, "b": 5}


@pytest.fixture
def written(tmp_path):
    """A file of random features, and the features."""
    features = np.random.default_rng(0).random((8, 20)).astype(np.float32) * 6
    with h5py.File(tmp_path / "features.h5", "w") as file:
        writer = FeatureWriter(file, LENGTHS, "d" * 64)
        for rows in (slice(0, 2), slice(2, 3), slice(3, 8)):
            writer.add("fid", "real", features[rows])
            writer.add("fid", "model", 2 * features[rows])
    return tmp_path / "features.h5", features


def test_features_come_back_in_half_precision(written):
    path, features = written
    with open_features(path) as found:
        assert (found.clips, found.lengths.tolist(), found.digest, found.distances) == (["a", "b"], [3, 5], "d" * 64, ["fid"])
        np.testing.assert_allclose(found.read("fid", "real"), features, rtol=5e-4)
        np.testing.assert_allclose(found.read("fid", "model"), 2 * features, rtol=5e-4)


def test_a_file_that_is_none_is_named(written, tmp_path):
    path, _ = written
    with pytest.raises(InputError, match=r"none\.h5: no such file; run `dwnet evaluate`"), open_features(tmp_path / "none.h5"):
        pass
    with open_features(path) as found, pytest.raises(InputError, match=r"features\.h5: other/real cannot be read"):
        found.read("other", "real")
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = 0
    with pytest.raises(InputError, match=r"features\.h5: holds no features of format"), open_features(path):
        pass
    path.write_bytes(b"no HDF5")
    with pytest.raises(InputError, match=r"features\.h5: cannot be read as HDF5"), open_features(path):
        pass
