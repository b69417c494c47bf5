import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from small_cache import WARP, build, small_cache

from densepose_cache.errors import InputError
from densepose_cache.reader import SplitReader
from densepose_cache.warp.grid import coarse_warp_grid
from dwnet.config import TrainSettings
from dwnet.data import BatchOrder, SampleDataset, batches, scaled, to_device_batch
from dwnet.schedule import learning_rate, total_steps


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    small_cache(folder)
    return folder


@pytest.fixture
def data(cache):
    return SampleDataset(cache / "train.h5", 3)


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_hold_what_the_cache_holds(cache, data, workers):
    rows = [[0, 5], [7, 2]]
    table, reader = pd.read_csv(cache / "samples.csv"), SplitReader(cache / "train.h5")
    for numbers, raw in zip(rows, batches(data, rows, workers, pin=False), strict=True):
        assert {name: value.dtype for name, value in raw.items() if name != "clip"} == {
            "source": torch.uint8,
            "real": torch.uint8,
            "iuv": torch.uint8,
            "source_index": torch.uint16,
            "previous_index": torch.uint16,
            "source_corner": torch.uint8,
        }
        batch = to_device_batch(raw, torch.device("cpu"), visibility=True)
        assert to_device_batch(raw, torch.device("cpu")).frame(0) == {}
        assert batch.real.shape == batch.iuv.shape == (3, 2, 3, 64, 64) and batch.source.shape == (2, 3, 64, 64)
        assert batch.source_grid.shape == batch.previous_grid.shape == (3, 2, 64, 64, 2)
        for b, number in enumerate(numbers):
            clip, source, first = table.loc[number, ["clip", "source", "target"]]
            assert batch.clips[b] == clip
            assert torch.equal(batch.source[b], scaled(torch.from_numpy(reader.frames(clip, source))))
            for t in range(3):
                assert torch.equal(batch.real[t, b], scaled(torch.from_numpy(reader.frames(clip, first + t))))
                assert torch.equal(batch.iuv[t, b], scaled(torch.from_numpy(reader.iuv(clip, first + t))))
                starts = (source, source if t == 0 else first + t - 1)
                for grid, mask, start in zip((batch.source_grid, batch.previous_grid), batch.frame(t).values(), starts, strict=True):
                    wanted = coarse_warp_grid(reader.iuv(clip, start), reader.iuv(clip, first + t))
                    assert np.array_equal(grid[t, b].numpy(), wanted.coordinates())
                    assert np.array_equal(mask[b].numpy(), wanted.visible)


def test_scaling():
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 3)
    torch.testing.assert_close(scaled(image).flatten(), torch.tensor([-1.0, -0.6, 1.0]))


def _order(epochs, batch=4, start=0, stop=12, seed=0):
    return list(BatchOrder([np.asarray(epoch) for epoch in epochs], batch, seed, start, stop))


def test_every_pass_takes_every_row_of_its_epoch_once():
    epochs = [range(10), range(10, 17)]
    rows = [row for batch in _order(epochs) for row in batch]
    passes = [rows[:10], rows[10:17], rows[17:27], rows[27:34]]
    for number, found in enumerate(passes):
        assert sorted(found) == list(epochs[number % 2])
    assert passes[0] != passes[2] != sorted(passes[2])
    assert all(len(batch) == 4 for batch in _order(epochs))


def test_the_order_follows_from_seed_and_position():
    epochs = [range(10), range(10, 17)]
    whole = _order(epochs)
    assert whole == _order(epochs) and whole != _order(epochs, seed=1)
    for start in range(12):
        assert _order(epochs, start=start) == whole[start:]


def test_length_and_rate_of_a_training():
    settings = TrainSettings(epochs=3, batch=4)
    assert total_steps(settings, [10, 7]) == 7
    assert total_steps(settings.model_copy(update={"steps": 99}), [10, 7]) == 99
    rates = [learning_rate(step, 7, settings) for step in range(8)]
    assert rates[0] == 2e-4 and rates[7] == 0 and np.allclose(np.diff(rates), -2e-4 / 7)
    assert learning_rate(6, 7, settings.model_copy(update={"decay": "none"})) == 2e-4


def test_the_digest_follows_the_draw_of_samples(cache, data, tmp_path):
    shutil.copytree(cache, tmp_path / "other")
    assert SampleDataset(tmp_path / "other/train.h5", 3).digest == data.digest
    build(tmp_path / "other", warp=WARP.model_copy(update={"seed": 1}))
    other = SampleDataset(tmp_path / "other/train.h5", 3)
    assert other.digest != data.digest and not np.array_equal(other.samples.source, data.samples.source)


def test_rows_are_those_of_the_table_that_people_read(cache, data):
    table = pd.read_csv(cache / "samples.csv")
    epoch, clip, source, target = data.samples.take(np.arange(len(data)))
    found = {"clip": np.array(data.reader.clips)[clip], "epoch": epoch, "source": source, "target": target}
    assert table.equals(pd.DataFrame(found).astype(table.dtypes))
    assert data.epochs == [range(len(table))]


def test_a_split_without_samples_is_refused(cache):
    with pytest.raises(InputError, match=r"test\.h5: holds no sample"):
        SampleDataset(cache / "test.h5", 3)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_the_cache_comes_out_in_one_line(data, workers):
    data.samples.target = data.samples.target.astype(int)
    data.samples.target[3] = 500
    with pytest.raises(InputError) as caught:
        list(batches(data, [[0, 1], [2, 3]], workers, pin=False))
    assert "train.h5" in str(caught.value) and "\n" not in str(caught.value)
