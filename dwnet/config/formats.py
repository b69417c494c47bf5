"""Versions of what training, rollout, evaluation and pages write, bumped by hand when results change."""

FORMATS = {"train": 2, "rollout": 2, "evaluate": 4, "report": 1, "ablation": 2}
