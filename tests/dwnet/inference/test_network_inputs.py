"""What a generator is given where it generates is what it has learned from."""

import numpy as np
import pytest
import torch
from small_cache import turning_cache

from densepose_cache.cache.reader import SplitReader
from dwnet.inference.driving import FreeDriving
from dwnet.inference.network_inputs import INPUTS, network_input
from dwnet.training.data import SampleDataset, batches, to_device_batch

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    turning_cache(folder, size=32)
    return folder


def test_training_and_generation_give_the_same(cache, generator):
    """Every third sample, of all clips, each with a driving of its own that starts where the sample's source is."""
    data = SampleDataset(cache / "train.h5", 3, filled=generator == "compose")
    rows = list(range(0, len(data), 3))
    _, clips, sources, firsts = (column[rows].tolist() for column in data.samples.take(np.arange(len(data))))
    assert len(set(clips)) == 3 and 0 in firsts
    (raw,) = batches(data, [rows], 0, pin=False)
    batch = to_device_batch(raw, CPU, visibility=True)
    with SplitReader(cache / "train.h5") as reader:
        for place, (number, source, first) in enumerate(zip(clips, sources, firsts, strict=True)):
            maps = reader.iuv(reader.clips[number], slice(None))
            driving = FreeDriving(reader.frames(reader.clips[number], source), maps[source], maps, "lattice")
            assert torch.equal(network_input([driving.source], CPU)[0], batch.source[place])
            given = INPUTS[generator]([driving, driving], True, CPU)
            learned = (batch.plate, batch.source_iuv) if generator == "compose" else ()
            for found, wanted in zip(given.of_source(), learned, strict=True):
                assert found.shape[0] == 2 and torch.equal(found[0], wanted[place]) and torch.equal(found[1], found[0])
            for t in range(3):
                iuv, grids, frame = given.of_frame(first + t, 1)
                assert torch.equal(iuv[0], batch.iuv[t, place]) and torch.equal(grids[0][0], batch.source_grid[t, place])
                wanted = {name: value[place] for name, value in batch.frame(t).items()}
                assert frame.keys() == wanted.keys()
                if t or not first:  # else the sample has its source before its first frame, the driving another frame
                    assert torch.equal(grids[1][0], batch.previous_grid[t, place])
                    names = set(wanted)
                else:
                    names = {name for name in wanted if not name.startswith("previous")}
                for name in names:
                    assert len(frame[name]) == 1 and frame[name].dtype == wanted[name].dtype
                    assert torch.equal(frame[name][0], wanted[name]), (name, t)


def test_of_videos_side_by_side_each_has_its_own_and_the_first_ones_go_on(cache, generator):
    """What a batch of videos is given is what each is given alone."""
    with SplitReader(cache / "train.h5") as reader:
        maps = {clip: reader.iuv(clip, slice(None)) for clip in reader.clips}
        drivings = [FreeDriving(reader.frames(clip, 0), maps[clip][0], maps[clip], "lattice") for clip in reader.clips]
    together = INPUTS[generator](drivings, True, CPU)
    for number, count in ((0, 3), (1, 3), (2, 2)):
        iuv, grids, frame = together.of_frame(number, count)
        assert {len(part) for part in (iuv, *grids, *frame.values())} == {count}
        for place in range(count):
            alone = INPUTS[generator]([drivings[place]], True, CPU).of_frame(number, 1)
            assert torch.equal(iuv[place], alone[0][0]) and all(torch.equal(a[place], b[0]) for a, b in zip(grids, alone[1], strict=True))
            assert all(torch.equal(value[place], alone[2][name][0]) for name, value in frame.items())
