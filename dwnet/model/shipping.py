"""Write a trained generator in half precision as the one that ships: `python -m dwnet.model.shipping RUN`.

The record beside it keeps what the training's own files say, and what is written here by hand of its history.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import write_text_whole
from densepose_cache.storage.digest import file_sha256

from ..pretrained import FOLDER
from .checkpoint import load_model, model_file, save_model

LICENCE = "Apache-2.0. Trained on people rendered from MakeHuman's CC0 data alone, with maps by this package's chart and IUV network."
KEPT = ("fingerprint", "steps", "size", "precision", "train")


def export(run: Path, folder: Path, command: str, history: str) -> Path:
    """Write `model.safetensors` and `record.json` into `folder`; `run` is a training's folder or model. Returns the model's path.

    Raises InputError if `run` holds no generator.
    """
    generator, facts = load_model(run)
    half = generator.half()
    out = folder / "model.safetensors"
    save_model(out, half, {key: facts[key] for key in KEPT if key in facts} | {"licence": LICENCE})
    record = {
        "sha256": file_sha256(out),
        "trained_sha256": file_sha256(model_file(run)),
        "parameters": sum(value.numel() for value in half.parameters()),
        "command": command,
        "history": history,
        "licence": LICENCE,
        "torch": torch.__version__,
        **{key: facts[key] for key in ("model", *KEPT) if key in facts},
    }
    write_text_whole(folder / "record.json", json.dumps(record, indent=2) + "\n")
    return out


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of the training, or its model.safetensors")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    parser.add_argument("--command", default="make generator", help="what was run")
    parser.add_argument("--history", default="", help="what else is to be known of the training")
    given = parser.parse_args()
    try:
        print(export(given.run, given.out, given.command, given.history))
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
