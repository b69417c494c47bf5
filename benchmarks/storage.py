"""Bytes and microseconds of one core per frame, IUV map and coarse warp grid on disk, against Blosc2-zstd, on the real training workload.

Usage: python benchmarks/storage.py [--every N], with the clips fashion/1 and taichi/1 in the folder DWNET_TEST_DATA.

Grids are those of every N-th training sample (4 by default) of the settings' two epochs: from a frame anywhere in the clip to three in
a row, and from each of these to the next. They are encoded, written to an HDF5 file, read and decoded sample by sample in random
order, and compared. Peers are stacks in chunks of one frame (`blosc2`: zstd, level 5, byte shuffle, the grids as uint16; `zstd`: HDF5's
Zstandard, level 3; `rows_zstd`: the same after our difference of rows; `lz4hc`: ours without that difference; `lz4`: HDF5's LZ4; `offsets`:
row and column of the source pixel less the driving pixel's, as two planes of bytes, Zstandard), every 8th of these grids or 40 frames.

Prints one JSON line; medians of the processor time of one thread in microseconds, means in bytes. Bytes of a grid are the mean over all
grids that the warp stage writes for the clip: `consecutive` and `distant` ones in the shares that these have. `maps`: an IUV map made
ready for the decoder. `sample`: the five grids of a sample read and decoded, with its four maps made ready, but not read.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
from natsort import natsorted
from PIL import Image
from warp import CLIPS, read_maps

from densepose_cache.cache.shard import COMPRESSION
from densepose_cache.config import WarpSettings
from densepose_cache.storage.row_delta import COMPRESSION as ROWS
from densepose_cache.storage.row_delta import add_rows_above, frame_options, less_row_above
from densepose_cache.warp import source_frame
from densepose_cache.warp.codec import MapCodes, decode, encode
from densepose_cache.warp.pairs import draw_samples, sample_pairs

FRAMES = 40
PEER_EVERY = 8
BLOSC2 = hdf5plugin.Blosc2(cname="zstd", clevel=5, filters=hdf5plugin.Blosc2.SHUFFLE)


def timed(action, *arguments):
    """Result of an action and the processor time of it, in microseconds."""
    start = time.thread_time()
    result = action(*arguments)
    return result, 1e6 * (time.thread_time() - start)


def stack(scratch: Path, values: np.ndarray, compression, checksum: bool = False, rows: bool = False) -> dict[str, float]:
    """Bytes and times of a stack of frames (T, ...) in chunks of one frame; with `rows` less the rows above."""
    options = frame_options(values.shape[1:]) | {"compression": compression, "fletcher32": checksum}
    with h5py.File(scratch, "w", rdcc_nbytes=0) as file:
        data = file.create_dataset("data", values.shape, values.dtype, **options)
        written = [timed(_write, data, k, value, rows)[1] for k, value in enumerate(values)]
    with h5py.File(scratch, rdcc_nbytes=0) as file:
        data, order = file["data"], np.random.default_rng(0).permutation(len(values)).tolist()
        read = [timed(_read, data, k, rows)[1] for k in order]
        return {"bytes": data.id.get_storage_size() / len(values), "write": np.median(written), "read": np.median(read)}


def _write(data: h5py.Dataset, number: int, frame: np.ndarray, rows: bool):
    data[number] = less_row_above(frame[None])[0] if rows else frame


def _read(data: h5py.Dataset, number: int, rows: bool) -> np.ndarray:
    frame = data[number]
    if rows:
        add_rows_above(frame, frame.shape)
    return frame


def offsets(grids: np.ndarray) -> np.ndarray:
    """Planes (T, 2, H, W) uint8 of grids (T, H, W) uint16 of at most 256x256 pixels."""
    rows, columns = np.divmod(grids, np.uint16(grids.shape[2]))
    own = np.indices(grids.shape[1:])
    return np.stack([rows - own[0], columns - own[1]], axis=1).astype(np.uint8)


def five_pairs(sample: np.ndarray) -> list[tuple[int, int]]:
    """Source and driving frames of the grids of a sample (epoch, source, first target)."""
    _, source, first = sample.tolist()
    return [(source, first), (source, first + 1), (source, first + 2), (first, first + 1), (first + 1, first + 2)]


def encoded(scratch: Path, maps: np.ndarray, samples: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """Bytes and times of the encoded grids of `samples` (N, 3), and every PEER_EVERY-th grid."""
    grids, stored, write = [], [], []
    for pair in (pair for sample in samples for pair in five_pairs(sample)):
        grids.append(source_frame("lattice", maps[pair[0]]).grids([maps[pair[1]]])[0].index)
        data, spent = timed(encode, grids[-1], *(MapCodes.of(maps[frame]) for frame in pair))
        stored.append(data)
        write.append(spent)
    bounds, ready, read = np.cumsum([0, *map(len, stored)]).tolist(), [], []
    with h5py.File(scratch, "w") as file:
        file["grid"] = np.frombuffer(b"".join(stored), np.uint8)
    with h5py.File(scratch, rdcc_nbytes=0) as file:
        data = file["grid"]
        for number in np.random.default_rng(0).permutation(len(samples)):
            pairs = five_pairs(samples[number])
            codes = {frame: timed(MapCodes.of, maps[frame]) for frame in sorted({frame for pair in pairs for frame in pair})}
            ready += [spent for _, spent in codes.values()]
            for k, pair in enumerate(pairs, 5 * number):
                both = (codes[frame][0] for frame in pair)
                back, spent = timed(lambda k, *maps: decode(data[bounds[k] : bounds[k + 1]], *maps), k, *both)
                if not np.array_equal(back, grids[k]):
                    raise SystemExit(f"the grid of pair {pair} does not come back")
                read.append(spent)
    sizes = np.diff(bounds).reshape(-1, 5)
    result = {"grids": len(stored), "distant": sizes[:, :3].mean(), "consecutive": sizes[:, 3:].mean()}
    result |= {"write": np.median(write), "read": np.median(read), "maps": np.median(ready)}
    return result | {"sample": 5 * result["read"] + 4 * result["maps"]}, np.stack(grids[::PEER_EVERY])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=4)
    every = parser.parse_args().every
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "scratch.h5", every)


def measure(scratch: Path, every: int):
    result = {"benchmark": "storage", "hdf5": h5py.version.hdf5_version, "hdf5plugin": hdf5plugin.version}
    for clip in CLIPS:
        folder = Path(os.environ["DWNET_TEST_DATA"]) / "data/ubc_sample" / clip
        maps = read_maps(folder / "dp_target")
        rgb = np.stack([np.asarray(Image.open(png).convert("RGB")) for png in natsorted((folder / "target").glob("*.png"))[:FRAMES]])
        samples = draw_samples(clip, len(maps), WarpSettings())
        encoded(scratch, maps, samples[:1])  # compiles
        ours, grids = encoded(scratch, maps, samples[::every])
        near = np.mean(np.diff(sample_pairs(samples, 3)) == 1)
        ours["bytes"] = near * ours["consecutive"] + (1 - near) * ours["distant"]
        result[clip] = {
            "grid": {"ours": ours, "blosc2": stack(scratch, grids, BLOSC2), "offsets": stack(scratch, offsets(grids), COMPRESSION)},
            "iuv": {name: stack(scratch, maps[:FRAMES], *how) for name, how in STACKS.items()},
            "rgb": {name: stack(scratch, rgb, *how) for name, how in STACKS.items()},
        }
    print(json.dumps(result, default=lambda number: round(float(number), 1)))


STACKS = {
    "ours": (ROWS, True, True),
    "unchecked": (ROWS, False, True),
    "rows_zstd": (COMPRESSION, True, True),
    "zstd": (COMPRESSION, True),
    "blosc2": (BLOSC2,),
    "lz4hc": (ROWS, True),
    "lz4": (hdf5plugin.LZ4(), True),
}
"""Compression of frames and maps, whether chunks have a checksum, and whether rows are stored less the rows above."""


if __name__ == "__main__":
    main()
