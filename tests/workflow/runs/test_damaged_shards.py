"""A damaged shard: `inspect` says what to do, and doing it makes the damaged clip again."""

import subprocess
import sys
from pathlib import Path

import h5py
from tiny_project import TINY


def inspect(project, path: str) -> tuple[int, str]:
    """Exit code, and what the subcommand says."""
    command = [Path(sys.executable).with_name("densepose-cache"), "inspect", path]
    done = subprocess.run(command, cwd=project.folder, text=True, capture_output=True, timeout=600)
    return done.returncode, done.stdout + done.stderr


def test_the_command_that_inspect_names_mends_a_shard(copied):
    project = copied(TINY)
    path = next(path for path in sorted((project.folder / "cache/sample/warps").glob("*.h5")) if h5py.File(path))
    clip, place = first_byte(path, "grid")
    flip(path, place)
    path = str(path.relative_to(project.folder))
    code, said = inspect(project, path)
    command = f"rm {path} && snakemake --cores all {path}"
    assert code == 2 and f"clip {clip}" in said and said.strip().endswith(command)
    (project.folder / path).unlink()
    done = project.run(path)
    assert done.returncode == 0 and f"clip {clip} was damaged" in done.stdout
    assert project.jobs(done) == {"warp": 1}
    assert inspect(project, path)[0] == 0


def first_byte(path: Path, name: str) -> tuple[str, int]:
    """First clip of a shard, and where the data of its dataset `name` begin."""
    with h5py.File(path) as file:
        clip = next(iter(file))
        data = file[clip][name]
        return clip, data.id.get_offset() if data.chunks is None else data.id.get_chunk_info(0).byte_offset


def flip(path: Path, place: int):
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 16]))
