"""metrics.json, read and as text."""

import json
from pathlib import Path

from densepose_cache.core.errors import InputError


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
