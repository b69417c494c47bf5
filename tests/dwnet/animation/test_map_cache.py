"""IUV maps that are found once."""

import os

import numpy as np
import pytest
from PIL import Image
from tiny_model import save_tiny_model

from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backend import FrameMap
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.video import write_video
from dwnet.animation.map_cache import MapCache
from dwnet.cli.main import SUBCOMMANDS, SUMMARY

SIZE = 8


def drawn(count: int) -> list[FrameMap]:
    """Maps of `count` frames, nobody on the second."""
    rng = np.random.default_rng(5)
    maps = [FrameMap(rng.integers(0, 25, (SIZE, SIZE, 3), dtype=np.uint8), 0.5, number, number == 2) for number in range(count)]
    maps[1] = FrameMap(None, people=0)
    return maps


def keep(cache: MapCache, key: str, count: int = 4):
    return list(cache.kept(key, (found for found in drawn(count)), count, SIZE))


def same(one: FrameMap, other: FrameMap) -> bool:
    maps = (one.iuv is None and other.iuv is None) or np.array_equal(one.iuv, other.iuv)
    return maps and np.array_equal(one[1:], other[1:], equal_nan=True)


def test_what_was_kept_is_read_again(tmp_path):
    cache = MapCache(tmp_path / "maps", 1e9)
    assert all(map(same, keep(cache, "a"), drawn(4))) and all(map(same, cache.read("a"), drawn(4)))
    assert [path.name for path in cache.folder.iterdir()] == ["a.h5"]


def test_maps_that_nobody_takes_to_the_end_are_not_kept(tmp_path):
    cache = MapCache(tmp_path, 1e9)
    maps = cache.kept("a", (found for found in drawn(4)), 4, SIZE)
    next(maps)
    assert list(tmp_path.iterdir())
    maps.close()
    assert not list(tmp_path.iterdir())


def test_the_least_recently_used_go_first(tmp_path):
    cache = MapCache(tmp_path, 1e9)
    for number, key in enumerate("abc"):
        keep(cache, key)
        os.utime(cache.path(key), (number, number))
    list(cache.read("a"))
    cache.limit = 2.5 * cache.path("a").stat().st_size
    keep(cache, "d")
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "d"]


def test_a_damaged_file_is_named(tmp_path):
    cache = MapCache(tmp_path, 1e9)
    cache.path("a").write_bytes(b"no HDF5")
    with pytest.raises(InputError, match=r"a\.h5: is damaged .*; delete it"):
        list(cache.read("a"))


def test_a_folder_that_cannot_be_written_to_is_said_once(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert all(map(same, keep(MapCache(tmp_path / "file" / "maps", 1e9), "a"), drawn(4)))
    assert capsys.readouterr().err.count("IUV maps are not kept") == 1


def test_a_full_disk_costs_the_maps_alone(tmp_path, room, capsys):
    cache = MapCache(tmp_path, 1e9)
    room(3000)
    try:
        found = keep(cache, "a", 60)
    finally:
        room(None)
    assert all(map(same, found, drawn(60))) and not list(tmp_path.iterdir())
    assert capsys.readouterr().err.count("IUV maps are not kept") == 1


def test_a_second_animation_finds_no_maps_anew(tmp_path, cache_home, capsys):
    """Nor does the network run: its weights count, as do the file's bytes, not its name."""
    clip = list(RenderedClip(np.random.default_rng(3), size=64, frames=3, fps=5, motion="walk", background="plain"))
    Image.fromarray(clip[0].rgb).save(tmp_path / "photo.png")
    write_video(tmp_path / "dance.mp4", [frame.rgb for frame in clip], 5)
    save_tiny_model(tmp_path / "model.safetensors", "compose")

    def animate(driving: str, out: str, *options) -> str:
        words = "animate", tmp_path / "photo.png", tmp_path / driving, "-o", tmp_path / out, "--model", tmp_path, "--size", 64, *options
        assert run_subcommands(SUMMARY, SUBCOMMANDS, [str(word) for word in words]) == 0
        return capsys.readouterr().err

    assert animate("dance.mp4", "first.mp4").count("IUV maps by the backend embedded") == 2
    (tmp_path / "dance.mp4").rename(tmp_path / "other.mp4")
    said = animate("other.mp4", "second.mp4")
    assert said.count("IUV maps as found before") == 2 and "by the backend" not in said
    assert (tmp_path / "first.mp4").read_bytes() == (tmp_path / "second.mp4").read_bytes()
    assert len(list((cache_home / "dwnet" / "iuv").iterdir())) == 4, "of each file a look and the maps"
    assert animate("other.mp4", "third.mp4", "--no-cache").count("IUV maps by the backend embedded") == 2
    settings = '{"backend": "embedded", "score": 0.4}'
    assert animate("other.mp4", "fourth.mp4", "--densepose", settings).count("IUV maps by the backend embedded") == 2
    assert len(list((cache_home / "dwnet" / "iuv").iterdir())) == 8
    assert animate("other.mp4", "fifth.mp4", "--compare").count("IUV maps as found before") == 2
