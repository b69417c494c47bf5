"""The figure of the method in the documentation."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]

LARGEST = 300_000
"""Bytes."""
DIFFERENCE = 1.0
"""Mean difference in levels of 0..255 by which another kind of processor may draw the figure."""


@pytest.mark.slow
def test_the_figure_of_the_method_is_current_and_small(tmp_path):
    drawn, kept = tmp_path / "method.png", ROOT / "docs/images/method.png"
    done = subprocess.run(
        [sys.executable, ROOT / "workflow/scripts/method_figure.py", "--out", drawn], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    now, before = (np.asarray(Image.open(path).convert("RGB"), np.int16) for path in (drawn, kept))
    assert now.shape == before.shape and np.abs(now - before).mean() < DIFFERENCE, "run: make figure"
    assert kept.stat().st_size < LARGEST
