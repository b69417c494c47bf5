import h5py
import numpy as np
import pytest
from coded_video import ffmpeg, write_coded
from dump_files import picture, quantised, random_chart, same_named_classes, write_dump
from people import body_maps
from PIL import Image
from small_cache import PRECOMPUTED

from densepose_cache.cache.stack import Stack
from densepose_cache.cli.main import SUBCOMMANDS, SUMMARY
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.config import FramesSource, VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backends.precomputed import SideFile
from densepose_cache.exchange.importing import import_iuv, recognise
from densepose_cache.iuv import write_iuv_png
from densepose_cache.stages.clips import build_clip_table
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard

COUNT, SIZE = 6, 64


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    return write_coded(tmp_path_factory.mktemp("videos") / "walk.mp4", COUNT, width=SIZE, height=SIZE)


@pytest.fixture
def work(tmp_path, video):
    """A folder with a video of 6 frames, the same frames as pictures, and a map for each."""
    (tmp_path / "walk.mp4").write_bytes(video.read_bytes())
    (tmp_path / "frames").mkdir()
    for time, iuv in enumerate(body_maps(1, COUNT)):
        Image.fromarray(iuv * 9).save(tmp_path / "frames" / f"frame{time}.png")
        write_iuv_png(tmp_path / "maps" / f"frame{time}_IUV.png", iuv)
    return tmp_path


def stored(path) -> np.ndarray:
    """All maps of a side file, read as the pipeline reads them."""
    side = SideFile(path)
    maps = np.stack([side.read(number) for number in range(len(side))])
    side.close()
    return maps


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("source", ["walk.mp4", "frames"])
def test_a_folder_of_pictures(work, source):
    report = import_iuv(work / "maps", work / source)
    side = work / ("walk.iuv.h5" if source == "walk.mp4" else "frames.iuv.h5")
    assert report.out == side and np.array_equal(stored(side), body_maps(1, COUNT))
    assert (report.format, report.frames, report.without, report.several) == ("iuv-png", COUNT, 0, 0)
    with h5py.File(side) as file:
        assert file["iuv"].chunks == (1, SIZE, SIZE, 3) and file["iuv"].id.get_storage_size() < file["iuv"].nbytes / 4
        assert file.attrs["imported_from"] == "iuv-png"


@pytest.mark.parametrize("source", ["walk.mp4", "frames"])
def test_frames_without_a_map_are_empty(work, source):
    (work / "maps/frame2_IUV.png").unlink()
    write_iuv_png(work / "maps/frame3_IUV.png", np.zeros((SIZE, SIZE, 3), np.uint8))
    report = import_iuv(work / "maps", work / source, work / "out/x.h5")
    expected = body_maps(1, COUNT)
    expected[2:4] = 0
    assert np.array_equal(stored(work / "out/x.h5"), expected) and report.without == 2
    assert "6 frames from iuv-png; 2 without a person" in str(report)


def test_several_people_in_pictures(work):
    for time, iuv in enumerate(body_maps(1, COUNT)):
        other = np.zeros_like(iuv)
        other[40:60, :9] = 3, 4, 200
        write_iuv_png(work / "people" / f"frame{time}_IUV.png", iuv + other)
        numbers = np.where(iuv[..., 0] > 0, time % 2, 1 - time % 2).astype(np.uint8)
        Image.fromarray(numbers).save(work / "people" / f"frame{time}_INDS.png")
    report = import_iuv(work / "people", work / "walk.mp4")
    assert (report.format, report.several, report.without) == ("densepose-png", COUNT, 0)
    assert np.array_equal(stored(work / "walk.iuv.h5"), body_maps(1, COUNT))


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_a_dump(work, form):
    box, rng = (8.0, 4.0, 40.0, 60.0), np.random.default_rng(1)
    charts = [random_chart(rng, box) for _ in range(COUNT)]
    with same_named_classes() as make:
        entries = [picture(make, f"/x/frame{time}.png", [box], [0.99], [chart]) for time, chart in enumerate(charts)]
        write_dump(work / "results.pkl", [*entries[:2], {"file_name": "/x/frame2.png"}, *entries[3:]], form)
    report = import_iuv(work / "results.pkl", work / "frames")
    assert (report.format, report.without) == ("detectron2-dump", 1)
    maps = stored(work / "frames.iuv.h5")
    assert not maps[2].any()
    for time in (0, 1, 3, 4, 5):
        assert np.array_equal(maps[time, 4:60, 8:40], quantised(*charts[time]))
        assert not maps[time, :, 40:].any()


def test_a_side_file_is_not_lost_by_mistake(work):
    import_iuv(work / "maps", work / "walk.mp4")
    before = (work / "walk.iuv.h5").read_bytes()
    with pytest.raises(InputError, match=r"walk\.iuv\.h5: exists; give --replace"):
        import_iuv(work / "maps", work / "walk.mp4")
    for time in range(COUNT):
        write_iuv_png(work / "maps" / f"frame{time}_IUV.png", body_maps(2, COUNT)[time])
    Image.fromarray(np.full((SIZE, SIZE, 3), 99, np.uint8)).save(work / "maps/frame5_IUV.png")
    with pytest.raises(InputError, match=r"frame5_IUV\.png"):
        import_iuv(work / "maps", work / "walk.mp4", replace=True)
    assert (work / "walk.iuv.h5").read_bytes() == before and files(work) == ["frames", "maps", "walk.iuv.h5", "walk.mp4"]
    write_iuv_png(work / "maps/frame5_IUV.png", body_maps(2, COUNT)[5])
    with pytest.raises(InputError, match=r"frames: is a folder"):
        import_iuv(work / "maps", work / "walk.mp4", work / "frames", replace=True)
    import_iuv(work / "maps", work / "walk.mp4", replace=True)
    assert np.array_equal(stored(work / "walk.iuv.h5"), body_maps(2, COUNT))


def test_the_order_of_channels_is_found_or_said(work):
    for time, iuv in enumerate(body_maps(1, COUNT)):
        write_iuv_png(work / "maps" / f"frame{time}_IUV.png", iuv, "IUV")
    import_iuv(work / "maps", work / "walk.mp4")
    assert np.array_equal(stored(work / "walk.iuv.h5"), body_maps(1, COUNT))
    with pytest.raises(InputError, match=r"frame0_IUV\.png: read as VUI .* written in order IUV"):
        import_iuv(work / "maps", work / "frames", order="VUI")
    assert not (work / "frames.iuv.h5").exists()


def test_what_is_wrong_is_named(work, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("words")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["iuv"] = 1
    for maps, reason in (
        ("none", "no such folder or file of maps"),
        ("empty", r"the folder holds no IUV pictures"),
        ("notes.txt", r"is no file that `apply_net\.py dump` wrote"),
        ("a.h5", "a side file needs no import"),
    ):
        with pytest.raises(InputError, match=rf"{maps}: .*{reason}"):
            recognise(tmp_path / maps)
    with pytest.raises(InputError, match="format 'x' is unknown; allowed: iuv-png, densepose-png, detectron2-dump"):
        import_iuv(work / "maps", work / "walk.mp4", format="x")
    for time in range(COUNT):
        write_iuv_png(work / "maps" / f"frame{time}_IUV.png", np.zeros((SIZE, SIZE, 3), np.uint8))
    with pytest.raises(InputError, match=r"walk\.mp4: nobody is on any of the 6 maps"):
        import_iuv(work / "maps", work / "walk.mp4")
    assert files(work) == ["a.h5", "empty", "frames", "maps", "notes.txt", "walk.mp4"]


def test_the_subcommand(work, capsys):
    arguments = ["import-iuv", str(work / "maps"), str(work / "frames"), "--out", str(work / "o.iuv.h5"), "--format", "iuv-png"]
    assert run_subcommands(SUMMARY, SUBCOMMANDS, [*arguments, "--order", "VUI"]) == 0
    assert "o.iuv.h5: 6 frames from iuv-png" in capsys.readouterr().err
    assert np.array_equal(stored(work / "o.iuv.h5"), body_maps(1, COUNT))
    assert run_subcommands(SUMMARY, SUBCOMMANDS, arguments) == 2
    assert "error: " in capsys.readouterr().err
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["import-iuv", "--help"]) == 0
    assert "Example: densepose-cache import-iuv" in capsys.readouterr().out


def test_maps_of_pixels_as_stored_or_as_shown(work):
    """Of a video that is shown twice as wide as it is stored."""
    ffmpeg("-i", work / "walk.mp4", "-vf", "scale=32:64,setsar=2", work / "wide.mp4")
    maps = body_maps(1, COUNT)
    for name, step in (("shown", 1), ("stored", 2)):
        for time, iuv in enumerate(maps):
            write_iuv_png(work / name / f"{time}_IUV.png", iuv[:, ::step])
        import_iuv(work / name, work / "wide.mp4", replace=True)
        assert np.array_equal(stored(work / "wide.iuv.h5"), maps[:, :, ::step])
    write_iuv_png(work / "other" / "0_IUV.png", maps[0, :, ::4])
    with pytest.raises(InputError, match=r"0_IUV\.png: is 16x64 but the frames are 64x64"):
        import_iuv(work / "other", work / "wide.mp4", first=0, replace=True)


def test_the_pipeline_takes_the_imported_maps(work):
    """Into the layout of the official code, whose folder of maps lacks one: that frame is held, as if a detector had found nobody."""
    (work / "clips/one").mkdir(parents=True)
    (work / "frames").rename(work / "clips/one/target")
    (work / "maps").rename(work / "clips/one/dp_target")
    (work / "clips/one/dp_target/frame3_IUV.png").unlink()
    source = FramesSource(kind="frames", path=str(work / "clips"), table=str(work / "t.csv"))
    (work / "t.csv").write_text("clip,split\none,train\n")
    with pytest.raises(InputError, match=r"holds 5 IUV maps but .* holds 6 frames; `densepose-cache import-iuv \S+ \S+`"):
        build_clip_table(source, work, work / "c/clips.csv", 1)
    import_iuv(work / "clips/one/dp_target", work / "clips/one/target")
    build_clip_table(source, work, work / "c/clips.csv", 1)
    decode_shard(work / "c/clips/000.csv", work / "c/frames.h5", VideoSettings(size=SIZE))
    densepose_shard(work / "c/clips/000.csv", work / "c/frames.h5", work / "c/iuv.h5", PRECOMPUTED)
    expected = body_maps(1, COUNT)
    expected[3] = expected[2]
    with h5py.File(work / "c/iuv.h5") as file:
        assert np.array_equal(Stack(file["one/iuv"])[:], expected) and file["one/held"][:].tolist() == [False] * 3 + [True] + [False] * 2


def test_real_maps_with_frames_missing(test_data, tmp_path):
    """The official sample without some of its maps, as DensePose leaves frames out on which it finds nobody."""
    place = test_data / "data/ubc_sample/fashion/1"
    for time in (0, 3, 100, 370):
        (tmp_path / f"frame{time}_IUV.png").symlink_to(place / f"dp_target/frame{time}_IUV.png")
    report = import_iuv(tmp_path, place / "target", tmp_path / "a.iuv.h5")
    assert report.frames == 371 and report.without == 367
    maps = stored(tmp_path / "a.iuv.h5")
    assert np.flatnonzero(maps.any(axis=(1, 2, 3))).tolist() == [0, 3, 100, 370]
    assert maps[100, ..., 0].max() == 24
