#!/usr/bin/env bash
# Runs in the folder that Snakemake was started in: the checkout. All that it needs has been installed from the list.
set -euo pipefail
test -f constraints.txt || { echo "error: start Snakemake in the checkout, so that its environments can install it" >&2; exit 2; }
python -m pip install --no-deps --editable .
