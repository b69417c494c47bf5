"""What a generator makes of people that it has never seen, beside the warps: metrics with intervals over clips, and pictures.

Usage: python benchmarks/generator.py OUT [--model embedded] [--size 256] [--maps embedded] [--people 20] [--frames 24] [--real]

Renders people of a seed of their own (or, with --real, takes the clips fashion/1 and taichi/1 in DWNET_TEST_DATA, whole, from frame 0),
makes their maps (`embedded`, by the network that ships, or `exact`: those that come with the clips), and runs the project's own
subcommands: `dwnet rollout`, `dwnet evaluate`. OUT is a folder; what is in it is taken over where it still fits.

Prints a table of all metrics, then for each metric the mean of the paired differences model - warp over clips, with its 95 % interval from
5 clips on. OUT/strip.png shows the people: source, pose, coarse warp, filled warp, generated, real.
"""

import argparse
import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from densepose_cache.cache.reader import SplitReader
from dwnet.evaluation.bootstrap import mean_interval
from dwnet.inference.panels import caption_height, iuv_colours, sheet
from dwnet.inference.rollout_file import RolloutReader
from dwnet.inference.trivial import FilledSource, coarse_warp, filled_warp
from dwnet.report.summary import print_summary

SEED = 77_000
"""Of the rendered people; nothing is trained on them."""
FPS = 12
COLUMNS = ("source photo", "driving pose", "coarse warp", "filled warp", "generated", "real frame")
"""Of the strip."""
PEERS = ("coarse_warp", "filled_warp")
RESAMPLES = 10_000
BIN = Path(sys.executable).parent


def run(*command: object, folder: Path):
    """Run a command of this environment in `folder`; what it prints goes to the error stream."""
    words = [BIN / str(command[0]), *command[1:]]
    path = {"PATH": f"{BIN}:{os.environ['PATH']}"}
    subprocess.run([str(word) for word in words], cwd=folder, check=True, stdout=sys.stderr, env=os.environ | path)


def source_of(options: argparse.Namespace) -> dict:
    """Section `source` of the data set."""
    if not options.real:
        people = {"train": 1, "test": options.people, "frames": options.frames, "fps": FPS, "seed": SEED, "wide": True}
        return {"kind": "sample", "size": options.size, **people}
    table = options.out / "clips.csv"
    table.write_text("clip,split,folder\nfashion-1,test,fashion/1\ntaichi-1,test,taichi/1\ntrain,train,fashion/1\n")
    return {"kind": "frames", "path": str(Path(os.environ["DWNET_TEST_DATA"]).resolve() / "data/ubc_sample"), "table": str(table)}


def measure(options: argparse.Namespace) -> Path:
    """Run everything; the folder of the run comes back."""
    project, out = Path(__file__).resolve().parent.parent, options.out
    maps = {"backend": "precomputed" if options.maps == "exact" else "embedded"}
    samples = {"targets": 1, "per_clip": 1, "epochs": 1}
    data = {"source": source_of(options), "video": {"size": options.size}, "densepose": maps}
    data |= {"warp": {"engine": "lattice", "samples": samples}, "train": {"targets": 1}}
    config = out / "config.yaml"
    folders = {name: str(out / name) for name in ("cache", "data", "results")} | {"weights": str(project / "weights")}
    config.write_text(yaml.safe_dump({"folders": folders, "datasets": {"unseen": data}}))
    run("snakemake", "--configfile", config, "--cores", 2, f"{out}/cache/unseen/test.h5", folder=project)
    made, test = out / "run", out / "cache/unseen/test.h5"
    settings = ("--settings", '{"features": "embedded"}')
    run("dwnet", "rollout", "--data", test, "--model", options.model, *settings, "--out", made / "rollout.h5", folder=project)
    inputs = ("--rollout", made / "rollout.h5", "--data", test, "--model", options.model)
    run("dwnet", "evaluate", *inputs, *settings, "--weights", project / "weights", "--out", made / "metrics.json", folder=project)
    return made


def differences(clips: pd.DataFrame) -> pd.DataFrame:
    """Rows metric, peer, mean of model - peer over clips, and its interval; of all metrics that clips have."""
    rows, by_method = [], {method: part.set_index("clip") for method, part in clips.groupby("method")}
    for metric in clips.columns.drop(["clip", "method", "frames"]):
        for peer in PEERS:
            apart = (by_method["model"][metric] - by_method[peer][metric]).dropna().to_numpy()
            low, high = mean_interval(apart, RESAMPLES, 0, 0.95) or (np.nan, np.nan)
            rows.append({"metric": metric, "peer": peer, "difference": apart.mean(), "low": low, "high": high, "clips": len(apart)})
    return pd.DataFrame(rows)


def strip(rollout: Path, data: Path, most: int) -> Image.Image:
    """A row a clip, of its frame that is farthest from the source, with the panels COLUMNS."""
    rows = []
    with RolloutReader(rollout) as generated, SplitReader(data) as reader:
        for name in generated.names[:most]:
            source, length = reader.frames(name, 0), generated.length(name)
            body = [reader.iuv(name, t)[..., 0] for t in range(length)]
            t = max(range(length), key=lambda t: np.mean(body[t] != body[0]))
            index, iuv = reader.grid(name, 0, t), reader.iuv(name, t)
            filled = FilledSource(source, reader.iuv(name, 0))
            warps = [coarse_warp(source, index), filled_warp(filled, iuv[None], index[None])[0]]
            pictures = [source, iuv_colours(iuv), *warps, generated.frames(name, slice(t, t + 1))[0], reader.frames(name, t)]
            row = sheet(dict(zip(COLUMNS, pictures, strict=True)))
            rows.append(row[caption_height(reader.size) :] if rows else row)
    return Image.fromarray(np.concatenate(rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=lambda text: Path(text).resolve())
    parser.add_argument("--model", default="embedded", help="run folder or model.safetensors")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--maps", choices=("embedded", "exact"), default="embedded")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--real", action="store_true", help="the real clips in DWNET_TEST_DATA instead of rendered people")
    parser.add_argument("--rows", type=int, default=8, help="clips in the strip")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made = measure(options)
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}: {' '.join(sys.argv[1:])}")
    print_summary(made / "metrics.json")
    table = differences(pd.read_csv(made / "clips.csv"))
    print("\nmodel - warp, mean over clips and 95 % interval")
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    strip(made / "rollout.h5", options.out / "cache/unseen/test.h5", options.rows).save(options.out / "strip.png")
    print(options.out / "strip.png")


if __name__ == "__main__":
    main()
