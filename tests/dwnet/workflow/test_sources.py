"""What reruns downloads and clip tables."""

from pathlib import Path

import pytest

from densepose_cache.core.errors import InputError
from dwnet.workflow.digests import chain_digest
from dwnet.workflow.sources import Sources

URLS = {"kind": "urls", "train": "train.txt", "test": "https://example.org/test.txt"}


@pytest.fixture
def own(make_project):
    """A project with a folder of videos."""
    Path("videos").mkdir()
    Path("videos/anna.mp4").write_text("a video")
    return make_project(datasets={"own": {"source": {"kind": "videos", "path": "videos"}, "shards": 3}})


def test_the_clip_table_depends_on_the_source_the_shards_and_the_files(own, project):
    stage, shards, listing = Sources(own).clips_params("own")
    assert (stage, shards) == (chain_digest(own, "clips", "own"), 3)
    assert Sources(own).clips_params("own")[2] == listing
    Path("videos/ben.mp4").write_text("another")
    assert Sources(own).clips_params("own")[2] != listing
    assert Sources(project).clips_params("sample")[2] == Sources(project).clips_params("sample")[2]


def test_a_file_is_looked_at_once_a_run(own):
    sources = Sources(own)
    before = sources.clips_params("own")
    Path("videos/ben.mp4").write_text("another")
    assert sources.clips_params("own") == before


def test_files_that_no_stage_can_read_are_named_when_the_run_starts(own):
    Path("videos/ben.mp4").symlink_to("/nowhere/ben.mp4")
    sources = Sources(own)
    sources.check()
    assert sources.clips_params("own")[2]
    with pytest.raises(InputError, match=r"videos/ben\.mp4 is a link to /nowhere/ben\.mp4"):
        sources.check()


def test_downloads_depend_on_lists_that_are_files_and_not_on_those_of_the_network(make_project):
    project = make_project(datasets={"urls": {"source": URLS, "densepose": {"backend": "embedded"}}})
    stage, lists = Sources(project).fetch_params("urls")
    assert (stage, lists) == (chain_digest(project, "fetch", "urls"), [])
    Path("train.txt").write_text("https://example.org/a.mp4\n")
    assert len(Sources(project).fetch_params("urls")[1]) == 1


def test_of_downloaded_videos_only_those_that_were_replaced_and_side_files_count(make_project):
    project = make_project(datasets={"urls": {"source": URLS, "densepose": {"backend": "embedded"}}})
    folder = Path("data/urls")
    folder.mkdir(parents=True)
    first = Sources(project).clips_params("urls")
    video = folder / "anna.mp4"
    video.write_text("a video")
    stat = video.stat()
    (folder / "fetched.csv").write_text(f"video,size,changed\nanna.mp4,{stat.st_size},{stat.st_mtime_ns}\n")
    assert Sources(project).clips_params("urls") == first
    video.write_text("another video")
    replaced = Sources(project).clips_params("urls")
    (folder / "anna.iuv.h5").write_text("maps")
    assert len({str(params) for params in (first, replaced, Sources(project).clips_params("urls"))}) == 3
