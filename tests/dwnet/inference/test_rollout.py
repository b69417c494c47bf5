"""Rollout: every frame from the generated one before it."""

import h5py
import numpy as np
import pytest
import torch
from people import SIZE
from small_cache import write_split
from tiny_model import save_tiny_model, tiny_generator

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.errors import InputError
from densepose_cache.video import probe
from densepose_cache.video.plate import background_plate
from densepose_cache.warp import ENGINES, coarse_warp_grid
from densepose_cache.warp.carry import carried
from densepose_cache.warp.fill import SourceSurface
from densepose_cache.warp.smooth import SmoothSurface
from dwnet.config import EvaluateSettings
from dwnet.inference import rollout as module
from dwnet.inference.driving import CachedDriving, FreeDriving, PairDriving, grid_engine
from dwnet.inference.network_inputs import network_grid, network_input
from dwnet.inference.rollout import generate_frames, plan, rollout, to_pixels
from dwnet.inference.rollout_file import RolloutReader
from dwnet.model.prepared import Prepared
from dwnet.model.warping import grid_from_way

CPU = torch.device("cpu")
LENGTHS = {"a": 4, "b": 6, "c": 3}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_split(tmp_path_factory.mktemp("cache") / "test.h5", LENGTHS)


@pytest.fixture(scope="module")
def model(tmp_path_factory, generator):
    return save_tiny_model(tmp_path_factory.mktemp("run") / "model.safetensors", generator)


@pytest.fixture(scope="module")
def one_model(tmp_path_factory):
    """Of one generator, for what is the same with every one."""
    return save_tiny_model(tmp_path_factory.mktemp("run") / "model.safetensors")


def generated(path):
    with RolloutReader(path) as reader:
        return {name: reader.frames(name, slice(None)) for name in reader.names}


def by_hand(network, reader, source_clip, driving_clip, length):
    """Frame after frame, one video alone, grids computed afresh."""
    picture, source_iuv = reader.frames(source_clip, 0), reader.iuv(source_clip, 0)
    source = previous = network_input([picture], CPU)
    filled, frames, kept = network.settings.generator == "compose", [], Prepared()
    if filled:
        kept = Prepared(plate=network_input([background_plate(picture, source_iuv)], CPU), source_iuv=network_input([source_iuv], CPU))
    for t in range(length):
        iuv, grids, given = reader.iuv(driving_clip, t), [], {}
        for name in ("source", "previous"):
            start = source_iuv if t == 0 or name == "source" else reader.iuv(driving_clip, t - 1)
            grid = coarse_warp_grid(start, iuv)
            index, given[f"{name}_visible"] = grid.index, torch.from_numpy(grid.visible)[None]
            if filled:
                on_body = SourceSurface(start).fill(iuv, index)
                index, edge = carried(on_body, start, iuv)
                given[f"{name}_distance"] = torch.from_numpy(on_body.distance / np.float32(100))[None]
                if name == "source":
                    smooth = SmoothSurface(start).grid(iuv)
                    given["edge"] = torch.from_numpy(edge / np.float32(25.6))[None]
                    given["smooth_grid"] = grid_from_way(torch.from_numpy(smooth.way))[None]
                    given["smooth_distance"] = torch.from_numpy(smooth.distance / np.float32(100))[None]
            grids.append(network_grid([index], CPU))
        with torch.no_grad():
            previous = network(network_input([iuv], CPU), source, previous, *grids, kept.at(**given)).frame
        frames.append(to_pixels(previous)[0])
    return np.stack(frames)


def test_batched_clips_of_unequal_lengths_equal_single_ones(data, model, generator, tmp_path):
    rollout(model, data, EvaluateSettings(batch=3), tmp_path / "rollout.h5")
    frames = generated(tmp_path / "rollout.h5")
    network = tiny_generator(generator)
    with SplitReader(data) as reader:
        for clip, length in LENGTHS.items():
            expected = by_hand(network, reader, clip, clip, length)
            assert np.abs(frames[clip].astype(int) - expected).mean() < 0.05, "up to rounding"


@pytest.mark.parametrize("room", [1, 0])
def test_where_the_memory_is_too_small_fewer_videos_at_once_give_the_same_frames(data, one_model, tmp_path, monkeypatch, capsys, room):
    rollout(one_model, data, EvaluateSettings(batch=1), tmp_path / "one" / "rollout.h5")
    real = module.generate_frames

    def small(generator, drivings, *arguments):
        for number, frames in enumerate(real(generator, drivings, *arguments)):
            if number and len(drivings) > room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB. And more")
            yield frames

    monkeypatch.setattr(module, "generate_frames", small)
    out = tmp_path / "small" / "rollout.h5"
    if not room:
        with pytest.raises(InputError, match=r"for a single video \(CUDA out of memory\); set evaluate\.precision: bf16"):
            rollout(one_model, data, EvaluateSettings(batch=4), out)
        assert not out.parent.exists()
        return
    rollout(one_model, data, EvaluateSettings(batch=4), out)
    wanted, found = generated(tmp_path / "one" / "rollout.h5"), generated(out)
    assert wanted.keys() == found.keys() and all(np.array_equal(wanted[name], found[name]) for name in wanted)
    assert "13/13" in capsys.readouterr().err


def test_all_that_belongs_to_the_grids_enters_where_the_model_wants_it(generator, tmp_path):
    """Reconstruction, transfer and a free motion; a hand in the top-left corner makes index 0 a place like any other."""
    network = tiny_generator(generator, **({"visibility": True, "iuv_input": "one_hot"} if generator == "dwnet" else {}))
    data = write_split(tmp_path / "test.h5", {"a": 3, "b": 3}, corner=2)
    with SplitReader(data) as reader:
        pair, free = (
            PairDriving(reader, "a", "b", "lattice"),
            FreeDriving(reader.frames("a", 0), reader.iuv("a", 0), reader.iuv("b", slice(None)), "lattice"),
        )
        for driving, clips in ((CachedDriving(reader, "b"), ("b", "b")), (pair, ("a", "b")), (free, ("a", "b"))):
            frames = np.concatenate(list(generate_frames(network, [driving], [3], CPU)))
            expected = by_hand(network, reader, *clips, 3)
            assert np.abs(frames.astype(int) - expected).mean() < 0.05, "up to rounding"


def test_a_real_frame_never_enters(model, data, tmp_path):
    """Noise in place of all real frames but the first changes nothing."""
    poisoned = write_split(tmp_path / "poisoned.h5", LENGTHS, poison=True)
    for name, path in {"clean": data, "poisoned": poisoned}.items():
        rollout(model, path, EvaluateSettings(), tmp_path / name / "rollout.h5")
    clean, poisoned = (generated(tmp_path / name / "rollout.h5") for name in ("clean", "poisoned"))
    for clip in LENGTHS:
        np.testing.assert_array_equal(clean[clip], poisoned[clip])


def test_the_generated_frame_does_enter(data):
    """Without the previous frame the second frame is another one; the first frame is the same."""
    with SplitReader(data) as reader:
        outputs = {}
        for previous in (True, False):
            network = tiny_generator(previous=previous)
            outputs[previous] = [frame[0] for frame in generate_frames(network, [CachedDriving(reader, "b")], [3], CPU)]
    np.testing.assert_array_equal(outputs[True][0], outputs[False][0])
    assert (outputs[True][1] != outputs[False][1]).any()


@pytest.mark.parametrize("previous", [True, False])
def test_another_first_frame_makes_another_second_one_where_it_is_looked_at(data, generator, previous):
    found = {}
    with SplitReader(data) as reader:
        for first_frame in ("as it is", "black"):
            network, count = tiny_generator(generator, previous=previous), []

            def blacken(_network, _arguments, result, count=count, first_frame=first_frame):
                count.append(1)
                return result._replace(frame=torch.full_like(result.frame, -1)) if (len(count), first_frame) == (1, "black") else result

            network.register_forward_hook(blacken)
            found[first_frame] = list(generate_frames(network, [CachedDriving(reader, "b")], [3], CPU))
    assert not found["black"][0].any()
    assert all((one != other).any() == previous for one, other in zip(found["as it is"][1:], found["black"][1:], strict=True))


@pytest.mark.parametrize("changes", [{"previous": False, "refine": False}, {"previous": False, "refine": False, "coarse_warp": False}])
def test_ablations_roll_out(data, generator, changes):
    network = tiny_generator(generator, **changes)
    with SplitReader(data) as reader:
        frames = list(generate_frames(network, [CachedDriving(reader, "b"), CachedDriving(reader, "a")], [3, 2], CPU))
    assert [len(frame) for frame in frames] == [2, 2, 1]


def test_bf16_comes_near_and_makes_another_rollout(data, model, tmp_path):
    """Near for random weights of four channels, whose normalisation enlarges every rounding."""
    frames = {}
    for precision in ("fp32", "bf16"):
        out = tmp_path / precision / "rollout.h5"
        rollout(model, data, EvaluateSettings(precision=precision), out)
        frames[precision] = generated(out)
    apart = np.concatenate([np.abs(frames["fp32"][clip].astype(int) - frames["bf16"][clip]).ravel() for clip in LENGTHS])
    assert 0 < apart.mean() < 12
    digests = []
    for precision in ("fp32", "bf16"):
        with RolloutReader(tmp_path / precision / "rollout.h5") as made:
            digests.append(made.digest)
    assert digests[0] != digests[1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_hands_over_the_frames_of_the_cpu_in_their_order(data, generator, precision):
    gpu = torch.device("cuda")
    with SplitReader(data) as reader:
        drivings, lengths = [CachedDriving(reader, "b"), CachedDriving(reader, "a")], [5, 3]
        found = list(generate_frames(tiny_generator(generator).to(gpu), drivings, lengths, gpu, precision))
        wanted = list(generate_frames(tiny_generator(generator), drivings, lengths, CPU))
    assert [len(frames) for frames in found] == [2, 2, 2, 1, 1]
    for some, others in zip(found, wanted, strict=True):
        assert np.abs(some.astype(int) - others).mean() < (0.05 if precision == "fp32" else 12)


def test_transfer_pairs_take_the_look_of_one_and_the_motion_of_another(data, model, generator, tmp_path):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("source_clip,driving_clip\na,b\nc,a\n")
    jobs = rollout(model, data, EvaluateSettings(pairs=str(pairs), max_frames=5), tmp_path / "rollout.h5")
    assert {job.name: (job.kind, job.length) for job in jobs} == {
        "a": ("reconstruction", 4),
        "b": ("reconstruction", 5),
        "c": ("reconstruction", 3),
        "a_to_b": ("transfer", 5),
        "c_to_a": ("transfer", 4),
    }
    frames = generated(tmp_path / "rollout.h5")
    with SplitReader(data) as reader:
        expected = by_hand(tiny_generator(generator), reader, "a", "b", 5)
    assert np.abs(frames["a_to_b"].astype(int) - expected).mean() < 0.05, "up to rounding"
    with h5py.File(tmp_path / "rollout.h5") as file:
        digests = {"source_digest": reader.digest("a"), "driving_digest": reader.digest("b")}
        assert dict(file["a_to_b"].attrs) == {"source_clip": "a", "driving_clip": "b", "kind": "transfer"} | digests
        assert file["a_to_b/generated"].chunks == (1, SIZE, SIZE, 3)
    assert {path.name for path in (tmp_path / "videos").glob("*.mp4")} == {f"{name}.mp4" for name in frames}
    info = probe(tmp_path / "videos" / "a_to_b.mp4")
    assert (info.frames_estimate, info.fps) == (5, 12.5)


@pytest.mark.parametrize("engine", ENGINES)
def test_grids_computed_on_the_fly_are_those_of_the_cache(data, engine):
    with SplitReader(data) as reader:
        free = FreeDriving(reader.frames("a", 0), reader.iuv("a", 0), reader.iuv("b", slice(None)), engine)
        pair = PairDriving(reader, "a", "b", engine)
        for t in range(6):
            wanted = coarse_warp_grid(reader.iuv("a", 0), reader.iuv("b", t)).index
            assert (free.source_grid(t) == wanted).all()
            assert (pair.source_grid(t) == wanted).all()
            assert t == 0 or (free.previous_grid(t) == reader.grid("b", t - 1, t)).all()


def test_grids_are_computed_where_the_generator_runs():
    assert grid_engine(torch.device("cuda", 0)) == "torch"
    assert grid_engine(CPU) == "lattice"


def test_same_input_gives_the_same_bytes_and_is_taken_over(data, model, tmp_path):
    out = tmp_path / "rollout.h5"
    rollout(model, data, EvaluateSettings(), out)
    first = out.read_bytes()
    video = (tmp_path / "videos" / "a.mp4").read_bytes()
    made = (tmp_path / "videos" / "a.mp4").stat().st_mtime_ns
    out.unlink()
    rollout(model, data, EvaluateSettings(), out)
    assert out.read_bytes() == first and (tmp_path / "videos" / "a.mp4").stat().st_mtime_ns == made
    rollout(model, data, EvaluateSettings(), tmp_path / "again" / "rollout.h5")
    assert (tmp_path / "again" / "videos" / "a.mp4").read_bytes() == video
    (tmp_path / "videos" / "stale.mp4").write_bytes(b"")
    rollout(model, data, EvaluateSettings(max_frames=2), out)
    with RolloutReader(out) as reader:
        assert reader.length("b") == 2
    assert not (tmp_path / "videos" / "stale.mp4").exists()


def test_videos_of_a_rollout_that_was_given_up_are_not_those_of_the_one_gone_back_to(data, one_model, tmp_path):
    out, videos = tmp_path / "rollout.h5", tmp_path / "videos"
    rollout(one_model, data, EvaluateSettings(), out)
    first, last = {path.name: path.read_bytes() for path in videos.glob("*.mp4")}, videos / "c.mp4"
    out.unlink()
    last.unlink()
    last.mkdir()
    with pytest.raises(InputError, match=r"c\.mp4: is a folder"):
        rollout(one_model, data, EvaluateSettings(max_frames=2), out)
    last.rmdir()
    last.write_bytes(first[last.name])
    assert not out.exists() and probe(videos / "b.mp4").frames_estimate == 2
    rollout(one_model, data, EvaluateSettings(), out)
    assert {path.name: path.read_bytes() for path in videos.glob("*.mp4")} == first
    assert out.is_file()


def test_a_rollout_from_before_its_videos_said_whose_they_are_is_taken_over(data, one_model, tmp_path, monkeypatch):
    out = tmp_path / "rollout.h5"
    rollout(one_model, data, EvaluateSettings(), out)
    (tmp_path / "videos" / ".digest").unlink()
    (tmp_path / "videos" / "a.mp4").write_bytes(b"of another one")
    monkeypatch.setattr(module, "generate", lambda *_: pytest.fail("generated again"))
    rollout(one_model, data, EvaluateSettings(), out)
    assert probe(tmp_path / "videos" / "a.mp4").frames_estimate == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source_clip,driving_clip\na,nobody\n", "clip 'nobody' is not in"),
        ("source,driving\na,b\n", "must have the columns source_clip and driving_clip"),
        ("source_clip,driving_clip\na,b\na,b\n", "stands for two things"),
    ],
)
def test_wrong_pairs_are_refused(data, tmp_path, text, message):
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with SplitReader(data) as reader, pytest.raises(InputError, match=message):
        plan(reader, EvaluateSettings(pairs=str(path)))


def test_a_pair_with_a_clip_in_quarantine_says_why(data, tmp_path):
    copy = tmp_path / "test.h5"
    copy.write_bytes(data.read_bytes())
    (tmp_path / "quarantine.csv").write_text("clip,split,stage,reason\nlost,test,decode,it is truncated\nother,train,decode,too short\n")
    for clip, message in {"lost": r"clip 'lost' is in quarantine \(it is truncated\)", "other": "clip 'other' is not in"}.items():
        (tmp_path / "pairs.csv").write_text(f"source_clip,driving_clip\na,{clip}\n")
        with SplitReader(copy) as reader, pytest.raises(InputError, match=rf"pairs\.csv: {message}"):
            plan(reader, EvaluateSettings(pairs=str(tmp_path / "pairs.csv")))


def test_missing_files_leave_nothing_behind(data, tmp_path):
    with pytest.raises(InputError, match="no such model"):
        rollout(tmp_path / "no.safetensors", data, EvaluateSettings(), tmp_path / "out" / "rollout.h5")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="no such rollout"):
        RolloutReader(tmp_path / "no.h5")


def test_a_folder_is_refused_as_output_before_anything_is_generated(data, one_model, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "generate", lambda *_: pytest.fail("the work began"))
    with pytest.raises(InputError, match=rf"{tmp_path}: is a folder"):
        rollout(one_model, data, EvaluateSettings(), tmp_path)


def test_other_files_in_place_of_a_rollout_are_not_to_be_deleted(data, one_model, tmp_path):
    (tmp_path / "text.h5").write_text("text")
    for path, message in {data: r"is no rollout \(its attribute `stage` is 'index'\)", tmp_path / "text.h5": "is no HDF5 file"}.items():
        with pytest.raises(InputError, match=rf"{path}: {message}; give the rollout\.h5 that `dwnet rollout` wrote$"):
            RolloutReader(path)
    out = tmp_path / "rollout.h5"
    rollout(one_model, data, EvaluateSettings(max_frames=2), out)
    whole = out.read_bytes()
    out.unlink()
    out.write_bytes(whole[:-100])
    with pytest.raises(InputError, match=r"rollout\.h5: cannot be read as HDF5 .*; delete it and run the rollout again"):
        RolloutReader(out)
    out.write_bytes(whole)
    with h5py.File(out, "r+") as file:
        file.attrs["format"] = 0
    with pytest.raises(InputError, match=r"rollout\.h5: is no rollout of format \d+; delete it and run the rollout again"):
        RolloutReader(out)


def test_every_name_fits_where_those_of_the_clips_are_long(one_model, tmp_path):
    one, other = "n" * 239 + "1", "n" * 239 + "2"
    write_split(tmp_path / "test.h5", {one: 3, other: 3})
    (tmp_path / "pairs.csv").write_text(f"source_clip,driving_clip\n{one},{other}\n{other},{one}\n")
    out = tmp_path / "rollout.h5"
    settings = EvaluateSettings(pairs=str(tmp_path / "pairs.csv"), max_frames=2)
    names = [job.name for job in rollout(one_model, tmp_path / "test.h5", settings, out)]
    assert len(set(names)) == 4 and sorted(path.stem for path in (tmp_path / "videos").glob("*.mp4")) == sorted(names)
