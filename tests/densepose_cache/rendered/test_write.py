import h5py
import numpy as np
import pandas as pd
import pytest

from densepose_cache.cli.main import SUBCOMMANDS, SUMMARY
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.core.errors import InputError
from densepose_cache.rendered.write import write_sample
from densepose_cache.video import probe, read_frames

SMALL = {"size": 64, "frames": 4, "fps": 5}


def state(folder):
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}


def write(folder, train=2, test=1, **changes):
    return write_sample(folder, **{"train": train, "test": test, "workers": 1} | SMALL | changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    write(folder)
    return folder


def test_every_clip_has_a_video_and_a_side_file_of_the_same_frames(made):
    manifest = pd.read_csv(made / "manifest.csv")
    assert list(manifest["clip"]) == ["sample-train-0000", "sample-train-0001", "sample-test-0000"]
    assert list(manifest.split) == ["train", "train", "test"]
    assert manifest.coefficients.is_unique
    for row in manifest.itertuples():
        info = probe(made / row.video)
        assert (info.width, info.height) == (64, 64)
        frames = list(read_frames(made / row.video))
        assert len(frames) == 4
        with h5py.File(made / row.iuv) as file:
            assert file["iuv"].shape == (4, 64, 64, 3)
            assert file["iuv"].chunks == (1, 64, 64, 3)
            assert file["keypoints"].shape == (4, 17, 3)
            assert file["keypoints"].dtype == np.float32
            assert len(file.attrs["digest"]) == 64
            assert file["iuv"][:, :, :, 0].max() <= 24


def test_a_second_run_rewrites_nothing(made):
    before = state(made)
    write(made)
    assert state(made) == before


def test_more_clips_are_added_to_what_is_there_and_surplus_ones_go(tmp_path):
    write(tmp_path, train=1, test=0)
    before = state(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, train=2, test=0)
    after = state(tmp_path)
    for name in ("sample-train-0000.mp4", "sample-train-0000.iuv.h5"):
        assert after[name] == before[name]
    assert "sample-train-0001.mp4" in after
    write(tmp_path, train=1, test=0)
    assert set(state(tmp_path)) == {"manifest.csv", "notes.txt", "sample-train-0000.mp4", "sample-train-0000.iuv.h5"}
    assert len(pd.read_csv(tmp_path / "manifest.csv")) == 1


def test_changed_settings_or_a_broken_file_are_rendered_anew(tmp_path):
    write(tmp_path, train=2, test=0)
    before = state(tmp_path)
    (tmp_path / "sample-train-0001.iuv.h5").write_bytes(b"cut off")
    (tmp_path / "manifest.csv").unlink()
    write(tmp_path, train=2, test=0)
    after = state(tmp_path)
    assert after["sample-train-0000.mp4"] == before["sample-train-0000.mp4"]
    assert after["sample-train-0001.mp4"] != before["sample-train-0001.mp4"]
    write(tmp_path, train=2, test=0, frames=3)
    with h5py.File(tmp_path / "sample-train-0000.iuv.h5") as file:
        assert len(file["iuv"]) == 3


def test_processes_make_the_same_clips(made, tmp_path):
    write(tmp_path, workers=2)
    for name in ("sample-train-0001.iuv.h5", "sample-test-0000.iuv.h5"):
        with h5py.File(made / name) as one, h5py.File(tmp_path / name) as other:
            np.testing.assert_array_equal(one["iuv"][:], other["iuv"][:])
            np.testing.assert_array_equal(one["keypoints"][:], other["keypoints"][:])
    assert (made / "manifest.csv").read_text() == (tmp_path / "manifest.csv").read_text()


@pytest.mark.parametrize(
    "wrong", [{"size": 63}, {"size": 1024}, {"frames": 1}, {"train": 0}, {"test": -1}, {"fps": 0}, {"background": "beach"}]
)
def test_impossible_numbers_are_refused_before_anything_is_written(wrong, tmp_path):
    with pytest.raises(InputError, match="sample:"):
        write(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=rf"{tmp_path}/file: cannot be written to \(not a directory\)"):
        write(tmp_path / "file")


def test_a_background_can_be_fixed_and_is_part_of_what_a_clip_is(tmp_path):
    write(tmp_path, train=2, test=1, background="white")
    manifest = pd.read_csv(tmp_path / "manifest.csv")
    assert set(manifest["background"]) == {"white"}
    for name in manifest["video"]:
        corner = next(iter(read_frames(tmp_path / name)))[:4, :4]
        assert corner.min() >= 250
    before = state(tmp_path)["sample-train-0000.mp4"]
    write(tmp_path, train=2, test=1, background="room")
    assert state(tmp_path)["sample-train-0000.mp4"] != before


def test_the_subcommand_writes_the_manifest(tmp_path, capsys):
    arguments = ["sample", "--train", "1", "--test", "1", "--size", "64", "--frames", "3", "--fps", "5", "--workers", "1", "--out"]
    assert run_subcommands(SUMMARY, SUBCOMMANDS, [*arguments, str(tmp_path)]) == 0
    assert len(pd.read_csv(tmp_path / "manifest.csv")) == 2
    assert "2 clips" in capsys.readouterr().out


def test_the_subcommand_explains_itself(capsys):
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["sample", "--help"]) == 0
    text = capsys.readouterr().out
    for option in ("--out", "--train", "--test", "--size", "--frames", "--fps", "--seed", "--workers"):
        assert option in text
