"""Rendered people kept in files: rendered once, drawn from many times."""

import hashlib
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...core.progress import Bar
from ...storage.atomic import written_whole
from ...storage.digest import digest
from .people import CutOut, Studio

FORMAT = 2
"""Raised whenever the same request renders other people."""
PER_FILE = 25
CHANNELS = 7


@dataclass(frozen=True)
class Request:
    """A set of rendered people: all that its content depends on."""

    split: str
    people: int
    frames: int
    """Poses a person."""
    seed: int

    def files(self, folder: Path) -> list[Path]:
        """The tables of the files that the set lies in, 25 people each; a larger set of the same seed shares them."""
        name = f"{self.split}-{digest('iuv-network-people', FORMAT, self.split, self.frames, self.seed)[:12]}"
        counts = [min(PER_FILE, self.people - first) for first in range(0, self.people, PER_FILE)]
        return [folder / f"{name}-{k:04d}-{count}.npz" for k, count in enumerate(counts)]


class CutOuts:
    """All cut-outs of a set, read from memory-mapped files. Picks give (h, w, 4) RGBA and (h, w, 3) IUV as uint8 views."""

    def __init__(self, request: Request, folder: Path):
        self.where, self.entries = (request, folder), []
        for path in request.files(folder):
            pixels = np.load(path.with_suffix(".npy"), mmap_mode="r")
            with np.load(path) as table:
                for row in table["table"]:
                    self.entries.append((pixels, *row.tolist()))

    def __reduce__(self):
        """A process that is given the set opens its files; the pixels of the maps to memory would be copied."""
        return CutOuts, self.where

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> CutOut:
        pixels, start, height, width, close = self.entries[index]
        block = np.asarray(pixels[start : start + height * width * CHANNELS])
        split = height * width * 4
        return CutOut(block[:split].reshape(height, width, 4), block[split:].reshape(height, width, 3), bool(close))


def render_set(request: Request, folder: Path, workers: int) -> str:
    """Render what is not there yet, `workers` files at a time; return the SHA-256 over the contents of all files."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [k for k, path in enumerate(request.files(folder)) if not path.is_file()]
    with Bar(f"rendering people ({request.split})", len(missing)) as bar:
        if missing and workers > 1:
            with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
                for _ in pool.map(render_file, [request] * len(missing), [folder] * len(missing), missing):
                    bar.advance()
        else:
            for k in missing:
                render_file(request, folder, k)
                bar.advance()
    total = hashlib.sha256()
    for path in request.files(folder):
        with np.load(path) as table:
            total.update(table["sha256"].tobytes())
    return total.hexdigest()


def render_file(request: Request, folder: Path, number: int):
    """Render the people of one file; the table, written last, says that it is complete."""
    blocks, rows, start = [], [], 0
    for person in range(number * PER_FILE, min((number + 1) * PER_FILE, request.people)):
        seed = int(digest("iuv-network-person", request.split, request.seed, person), 16)
        studio = Studio(np.random.default_rng(seed), request.frames)
        for t in range(request.frames):
            found = studio.render(t)
            height, width = found.iuv.shape[:2]
            blocks += [found.rgba.reshape(-1), found.iuv.reshape(-1)]
            rows.append((start, height, width, found.close))
            start += height * width * CHANNELS
    pixels = np.concatenate(blocks)
    path = request.files(folder)[number]
    with written_whole(path.with_suffix(".npy")) as temporary, temporary.open("wb") as file:
        np.save(file, pixels)
    content = np.frombuffer(hashlib.sha256(pixels.data).digest(), np.uint8)
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, table=np.array(rows, np.int64), sha256=content, request=json.dumps(asdict(request)))
