"""metrics.json, read and written, and clips.csv beside it."""

import json
from pathlib import Path

import pandas as pd

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import write_text_whole


def read_metrics(path: Path) -> dict:
    """The content of a metrics.json. Raises InputError if it is missing or something else."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; run `dwnet evaluate` to make it")
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not valid JSON ({error}); run `dwnet evaluate` again") from None
    if not isinstance(metrics, dict) or not {"metrics", "baselines", "clips"} <= set(metrics):
        raise InputError(f"{path}: holds no metrics and baselines; run `dwnet evaluate` again")
    return metrics


def metrics_text(metrics: dict) -> str:
    """JSON text of a metrics.json. Raises ValueError where a number is not finite."""
    return json.dumps(metrics, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def write_summary(out: Path, summary: dict):
    """Write metrics.json and clips.csv beside it, each whole or not at all; no NaN gets into either."""
    texts = {out.parent / "clips.csv": clip_table(summary["clips"]).to_csv(index=False)}
    texts[out] = metrics_text(summary)
    for path, text in texts.items():
        write_text_whole(path, text)


def clip_table(clips: dict) -> pd.DataFrame:
    """One row a clip and method: clip, method, frames, and a column for every metric."""
    rows = []
    for clip, values in clips.items():
        for method, metrics in {"model": values["metrics"], **values["baselines"]}.items():
            frames = max((item["frames"] for item in metrics.values()), default=0)
            rows.append({"clip": clip, "method": method, "frames": frames} | {name: item["value"] for name, item in metrics.items()})
    return pd.DataFrame(rows)
