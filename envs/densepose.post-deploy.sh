#!/usr/bin/env bash
# As checkout.sh; then detectron2 is built against the torch of this environment.
set -euo pipefail
test -f constraints.txt || { echo "error: start Snakemake in the checkout, so that its environments can install it" >&2; exit 2; }
repository="git+https://github.com/facebookresearch/detectron2.git@02b5c4e295e990042a714712c21dc79b731e8833"
python -m pip install --no-deps --editable .
python -m pip install wheel
python -m pip install --constraint constraints.txt --no-build-isolation "detectron2 @ $repository"
python -m pip install --no-build-isolation --no-deps "detectron2-densepose @ $repository#subdirectory=projects/DensePose"
