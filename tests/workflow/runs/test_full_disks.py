"""Every stage on a disk that is full: one line that names the file, nothing half-written, and the same command with room goes on."""

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from outputs import OUTPUTS, differences, leftovers, results
from stage_subcommands import SHARD, run, subcommand

SHARDS = ("decode", "densepose", "warp")


@pytest.fixture(scope="module")
def reference(finished):
    return results(finished.folder)


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the finished project."""
    return shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True, ignore=shutil.ignore_patterns(".snakemake"))


def outputs(folder: Path, stage: str) -> list[Path]:
    """The files that the subcommand of `stage` has written."""
    paths = [path for output in OUTPUTS[stage] for path in (folder / output, *(folder / output).rglob("*")) if path.is_file()]
    return [path for path in paths if stage not in SHARDS or SHARD in path.name]


@pytest.mark.parametrize(("stage", "share"), [("sample", 0.0), ("decode", 0.0), *((stage, 0.6) for stage in OUTPUTS)])
def test_a_stage_that_finds_no_room_says_so_and_goes_on_where_there_is(folder, reference, stage, share):
    """`share` of the stage's largest file is what fits."""
    room = int(max(path.stat().st_size for path in outputs(folder, stage)) * share)
    for path in outputs(folder, stage):
        path.unlink()
    code, errors = run(folder, stage, room)
    assert code == 2 and len(errors) == 1, errors
    named = re.fullmatch(r"error: (\S+): cannot be written \(file too large\); make room there and run the same command again", errors[0])
    assert named and any(named[1].startswith(output) for output in OUTPUTS[stage]), errors
    assert not leftovers(folder) and not (folder / subcommand(stage)[-1]).is_file()
    assert run(folder, stage) == (0, [])
    assert differences(folder, reference) == []


@pytest.mark.parametrize("stage", ["sample", "decode", "rollout"])
def test_a_file_system_without_room(folder, reference, stage):
    """As above, on a real one: what ffmpeg and HDF5 say there is understood."""
    for path in outputs(folder, stage):
        path.unlink()
    with small_disk(folder / Path(subcommand(stage)[-1]).parent):
        code, errors = run(folder, stage)
        assert code == 2 and len(errors) == 1 and "cannot be written (no space left on device)" in errors[0], errors
        assert not leftovers(folder)
    assert run(folder, stage) == (0, []) and differences(folder, reference) == []


@contextlib.contextmanager
def small_disk(folder: Path):
    """Context manager in which `folder` is, with all that is in it, on a file system with next to no room."""
    if os.geteuid():
        pytest.skip("a file system is mounted as root only")
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True, symlinks=True)
        room = shutil.disk_usage(folder).free - 8192
        (folder / "filler").write_bytes(bytes(max(room, 0)))
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()
        aside.rename(folder)
