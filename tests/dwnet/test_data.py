import numpy as np
import pandas as pd
import pytest
import torch
from small_cache import small_cache

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
    return SampleDataset(cache / "train.h5", cache / "samples.csv", 3)


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
        assert to_device_batch(raw, torch.device("cpu")).visible(0) == (None, None)
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
                for grid, mask, start in zip((batch.source_grid, batch.previous_grid), batch.visible(t), starts, strict=True):
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


def test_the_digest_follows_samples_and_clips(cache, data, tmp_path):
    table = pd.read_csv(cache / "samples.csv")
    table.iloc[::-1].to_csv(tmp_path / "samples.csv", index=False)
    assert SampleDataset(cache / "train.h5", tmp_path / "samples.csv", 3).digest != data.digest
    assert SampleDataset(cache / "train.h5", cache / "samples.csv", 3).digest == data.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.iloc[:0], "holds no sample"),
        (lambda table: table.drop(columns="source"), "lacks the column source"),
        (lambda table: table.assign(clip="nobody"), "clip nobody is not in"),
    ],
)
def test_unusable_tables_are_refused(cache, tmp_path, change, message):
    path = tmp_path / "samples.csv"
    change(pd.read_csv(cache / "samples.csv")).to_csv(path, index=False)
    with pytest.raises(InputError, match=message):
        SampleDataset(cache / "train.h5", path, 3)


def test_a_missing_table_is_named(cache, tmp_path):
    with pytest.raises(InputError, match=r"none\.csv"):
        SampleDataset(cache / "train.h5", tmp_path / "none.csv", 3)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_the_cache_comes_out_in_one_line(cache, tmp_path, workers):
    table = pd.read_csv(cache / "samples.csv")
    table.loc[3, "target"] = 500
    table.to_csv(tmp_path / "samples.csv", index=False)
    data = SampleDataset(cache / "train.h5", tmp_path / "samples.csv", 3)
    with pytest.raises(InputError) as caught:
        list(batches(data, [[0, 1], [2, 3]], workers, pin=False))
    assert "train.h5" in str(caught.value) and "\n" not in str(caught.value)
