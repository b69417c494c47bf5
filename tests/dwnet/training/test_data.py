import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from small_cache import WARP, build, small_cache, turning_cache

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.errors import InputError
from densepose_cache.video.plate import background_plate
from densepose_cache.warp.carry import carried
from densepose_cache.warp.fill import SourceSurface
from densepose_cache.warp.grid import coarse_warp_grid, coordinates
from densepose_cache.warp.smooth import SmoothSurface
from dwnet.config import TrainSettings
from dwnet.training.data import BatchOrder, SampleDataset, TrainingData, batches, scaled, to_device_batch
from dwnet.training.schedule import learning_rate, total_steps


@pytest.fixture(scope="module")
def turning(tmp_path_factory):
    folder = tmp_path_factory.mktemp("turning")
    turning_cache(folder)
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


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_for_a_generator_that_copies_hold_filled_grids_and_what_goes_with_them(turning, workers):
    data, rows = SampleDataset(turning / "train.h5", 3, filled=True), [[0, 17], [10, 2]]
    table, reader = pd.read_csv(turning / "samples.csv"), SplitReader(turning / "train.h5")
    own = np.stack(np.meshgrid(*2 * [np.linspace(-1, 1, 64)]), -1)
    lost = moved = 0
    for numbers, raw in zip(rows, batches(data, rows, workers, pin=False), strict=True):
        batch = to_device_batch(raw, torch.device("cpu"))
        assert batch.plate.shape == batch.source_iuv.shape == (2, 3, 64, 64)
        assert (raw["source_index"].dtype, raw["smooth_way"].dtype, raw["smooth_distance"].dtype) == (
            torch.uint16,
            torch.float32,
            torch.uint8,
        )
        for b, number in enumerate(numbers):
            clip, source, first = table.loc[number, ["clip", "source", "target"]]
            picture, source_iuv = reader.frames(clip, source), reader.iuv(clip, source)
            assert torch.equal(batch.source[b], scaled(torch.from_numpy(picture)))
            assert torch.equal(batch.source_iuv[b], scaled(torch.from_numpy(source_iuv)))
            assert torch.equal(batch.plate[b], scaled(torch.from_numpy(background_plate(picture, source_iuv))))
            for t in range(3):
                iuv, frame = reader.iuv(clip, first + t), batch.frame(t)
                assert torch.equal(batch.iuv[t, b], scaled(torch.from_numpy(iuv)))
                assert torch.equal(batch.real[t, b], scaled(torch.from_numpy(reader.frames(clip, first + t))))
                for name, start in {"source": source, "previous": source if t == 0 else first + t - 1}.items():
                    before = reader.iuv(clip, start)
                    grid = coarse_warp_grid(before, iuv)
                    filled = SourceSurface(before).fill(iuv, grid.index)
                    index, edge = carried(filled, before, iuv)
                    assert np.array_equal(getattr(batch, f"{name}_grid")[t, b].numpy(), coordinates(index))
                    assert np.array_equal(frame[f"{name}_visible"][b].numpy(), grid.visible)
                    assert np.allclose(frame[f"{name}_distance"][b].numpy(), filled.distance / 100, rtol=0, atol=1e-6)
                    if name == "source":
                        assert np.allclose(frame["edge"][b].numpy(), edge / 25.6, rtol=0, atol=1e-6) and edge.any()
                        way, distance = SmoothSurface(before).grid(iuv)
                        assert np.allclose(frame["smooth_grid"][b].numpy(), own + way * 2 / 63, rtol=0, atol=1e-6)
                        assert np.allclose(frame["smooth_distance"][b].numpy(), distance / 100, rtol=0, atol=1e-6)
                        moved += int(way.any(-1).sum())
                    lost += int((filled.index != grid.index).sum())
        of_smooth = {"smooth_grid", "smooth_distance"}
        assert set(frame) == {"source_visible", "previous_visible", "source_distance", "previous_distance", "edge"} | of_smooth
    assert lost > 0 and moved > 0, "grids that were not the cache's, and a smooth one"


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


@pytest.fixture(scope="module")
def smaller(tmp_path_factory):
    """Another cache, of smaller frames and fewer samples."""
    folder = tmp_path_factory.mktemp("smaller")
    small_cache(folder, frames=5, size=32)
    return folder


def _kept(stream) -> list[dict]:
    return [{name: value if name == "clip" else value.clone() for name, value in raw.items()} for raw in stream]


def _equal(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(
        value == other[name] if name == "clip" else torch.equal(value, other[name]) for name, value in one.items()
    )


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("filled", [False, True])
def test_data_sets_take_turns_and_go_on_in_the_middle(cache, smaller, workers, filled):
    """Each as if it were trained on alone, whatever the size of its frames; a stop and a start change nothing."""
    paths = [cache / "train.h5", smaller / "train.h5"]
    data = TrainingData(paths, 3, filled)
    assert data.size == 64
    whole = _kept(data.batches(2, 5, range(7), workers, pin=False))
    assert [raw["source"].shape[1] for raw in whole] == [64, 32, 64, 32, 64, 32, 64]
    for number, path in enumerate(paths):
        alone = _kept(TrainingData(path, 3, filled).batches(2, 5, range(4 - number), 0, pin=False))
        assert all(_equal(raw, own) for raw, own in zip(whole[number::2], alone, strict=True))
    for start in (1, 2, 5, 7):
        rest = _kept(TrainingData(paths, 3, filled).batches(2, 5, range(start, 7), workers, pin=False))
        assert len(rest) == 7 - start and all(_equal(raw, again) for raw, again in zip(whole[start:], rest, strict=True))


def test_the_processes_of_a_training_share_the_batches_of_every_data_set(cache, smaller):
    data = TrainingData([cache / "train.h5", smaller / "train.h5"], 3)
    whole = _kept(data.batches(4, 0, range(3), 0, pin=False))
    shares = [_kept(data.batches(4, 0, range(3), 0, False, rank, 2)) for rank in (0, 1)]
    for raw, *parts in zip(whole, *shares, strict=True):
        assert raw["clip"] == parts[0]["clip"] + parts[1]["clip"]
        assert torch.equal(raw["source"], torch.cat([part["source"] for part in parts]))


def test_several_data_sets_are_another_one_than_each_and_as_long_as_all(cache, smaller):
    one, two = cache / "train.h5", smaller / "train.h5"
    alone = [TrainingData(path, 3) for path in (one, two)]
    both, turned = TrainingData([one, two], 3), TrainingData([two, one], 3)
    assert alone[0].digest == TrainingData([one], 3).digest == TrainingData(str(one), 3).digest == SampleDataset(one, 3).digest
    assert len({data.digest for data in (*alone, both, turned, TrainingData([one, one], 3))}) == 5
    assert [data.passes() for data in (*alone, both)] == [[24], [12], [36]]
    with pytest.raises(InputError, match=r"test\.h5: holds no sample"):
        TrainingData([one, smaller / "test.h5"], 3)


def test_a_data_set_of_fewer_drawn_epochs_begins_again_beside_one_of_more(cache, smaller):
    data = TrainingData([cache / "train.h5", smaller / "train.h5"], 3)
    data.parts[0].epochs = [range(10), range(10, 24)]
    assert data.passes() == [22, 26]
