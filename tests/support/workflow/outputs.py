"""What each stage of the tiny sample writes, so that tests can take a finished project up at any stage, and compare two of them."""

import json
import re
import shutil
from pathlib import Path

import h5py

CACHE, RUN = "cache/sample", "results/sample/runs/full"
OUTPUTS = {
    "sample": ["data/sample"],
    "clips": [f"{CACHE}/{name}" for name in ("clips.csv", "clips", ".digests.json")],
    "decode": [f"{CACHE}/frames"],
    "densepose": [f"{CACHE}/iuv"],
    "warp": [f"{CACHE}/warps"],
    "index": [f"{CACHE}/{name}" for name in ("train.h5", "test.h5", "samples.csv", "iuv_quality.csv", "quarantine.csv", ".index.h5")],
    "train": [f"{RUN}/{name}" for name in ("model.safetensors", "critic.safetensors", "states", "tensorboard", "train_log.csv")],
    "rollout": [f"{RUN}/{name}" for name in ("rollout.h5", ".rollout.h5.kept", "videos")],
    "evaluate": [f"{RUN}/{name}" for name in ("metrics.json", ".metrics.json.kept", "clips.csv", "features.h5", ".features.h5.kept")],
    "report": [f"results/sample/{name}" for name in ("metrics.json", "report.html")],
}
"""Files and folders by stage, in the order of the stages."""
LEFT = re.compile(r"\..*\.(tmp|(?<!\.run\.)lock|new)|.*\.part(\.tag)?")


def forget(folder: Path, stage: str):
    """Remove what `stage` and all stages after it have written in the project's `folder`."""
    for name in list(OUTPUTS)[list(OUTPUTS).index(stage) :]:
        for path in (folder / output for output in OUTPUTS[name]):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def results(folder: Path) -> dict:
    """All that two runs of one configuration must have in common, by its name."""
    found = {}
    for path in sorted((folder / CACHE).glob("*/*.h5")):
        with h5py.File(path) as file:
            found |= {f"{path.parent.name}/{path.name}: {clip}": file[clip].attrs["checksum"] for clip in file}
    run = folder / RUN
    files = [*(folder / CACHE).glob("t*.h5"), *(folder / CACHE).glob("*.csv"), *(run / "videos").iterdir(), *run.glob("*.safetensors")]
    found |= {str(path.relative_to(folder)): path.read_bytes() for path in files}
    found["train_log.csv"] = [row.split(",")[:1] + row.split(",")[2:] for row in (run / "train_log.csv").read_text().splitlines()]
    metrics = json.loads((folder / "results/sample/metrics.json").read_text())
    return found | {name: metrics[name] for name in ("metrics", "baselines", "clips")}


def differences(folder: Path, reference: dict) -> list[str]:
    """Names of what is not as in `reference`, the `results` of another project."""
    found = results(folder)
    return sorted(name for name in found.keys() | reference if found.get(name) != reference.get(name))


def leftovers(folder: Path) -> list[str]:
    """Temporary files, locks of files and unfinished downloads below `folder`."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if LEFT.fullmatch(path.name)]
    return sorted(str(path) for path in found if path.parts[0] != ".snakemake")
