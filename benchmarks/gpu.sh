#!/usr/bin/env bash
# Measures on a CUDA device what has been measured on the CPU alone, in parts of ten minutes at most.
#
#   benchmarks/gpu.sh [PART ...]      parts: tests eager fast official curves rollout data train stages; without any, all of them
#
#   PYTHON     interpreter (python3)
#   OUT        folder for the results, one text file a part (gpu-results); each holds commands, what they print and their exit codes
#   OFFICIAL   checkout of github.com/ubc-vision/DwNet, the peer; without it the peer is left out
#   WORK       scratch folder for a rendered cache of 3 GB (/tmp/dwnet-gpu)
#   DWNET_TEST_DATA   the real clips; without them the cache is of rendered people
#
# No network is used. Needed beside PyTorch 2.11 or later with torchvision and Triton, Python 3.11 or 3.12, a C compiler (Triton's launchers
# are built with it) and NumPy, SciPy, pandas, scikit-learn, numba, h5py, Pillow, rich, typer, PyYAML, safetensors, tensorboard, matplotlib,
# lightning, pytest, hypothesis: av, hdf5plugin, natsort, pydantic, pydantic-core, annotated-types, typing-inspection, ffmpeg-python, future.
# Where these have to be brought along as wheels, av (35 MB) and hdf5plugin (46 MB) are the large ones; of hdf5plugin's filters only
# plugins/libh5blosc.so and plugins/libh5zstd.so are used, with which alone it takes 6 MB. Not needed here: snakemake, mediapipe, lpips,
# torch-fidelity, the efficientnet packages, ffmpeg.

cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-python3}
OUT=${OUT:-gpu-results}
WORK=${WORK:-/tmp/dwnet-gpu}
PEER=${OFFICIAL:+--official $OFFICIAL}
export PYTHONPATH=$PWD:$PYTHONPATH PYTHONUNBUFFERED=1
mkdir -p "$OUT" "$WORK"

# run SECONDS COMMAND...: appends the command, its output and its exit code to the part's file
run() {
    local limit=$1 code
    shift
    echo "\$ $*" | tee -a "$FILE"
    timeout -k 5 "$limit" "$@" 2>&1 | tee -a "$FILE"
    code=${PIPESTATUS[0]}
    echo "exit code $code" | tee -a "$FILE"
}

step() { run "$1" "$PYTHON" benchmarks/training_step.py $PEER --device cuda "${@:2}"; }

# the real clips, or rendered ones
clips() {
    if [ -z "$DWNET_TEST_DATA" ]; then
        export DWNET_TEST_DATA=$WORK/rendered
        run 180 "$PYTHON" benchmarks/rendered_frames.py "$WORK/rendered"
    fi
}

# a training that SIGTERM stops after a minute at the latest, and that goes on; without the perceptual loss, whose weights are a download
train() {
    local settings='{"steps": 300, "device": "cuda", "workers": 4, "save_every": 100, "losses": {"perceptual": 0.0}}'
    run 60 "$PYTHON" -m dwnet.cli train --data "$WORK/cache/train.h5" --out "$WORK/run/model.safetensors" --settings "$settings"
    run 150 "$PYTHON" -m dwnet.cli train --data "$WORK/cache/train.h5" --out "$WORK/run/model.safetensors" --settings "$settings"
    run 10 tail -n 3 "$WORK/run/train_log.csv"
}

part() {
    case $1 in
    tests) run 580 "$PYTHON" -m pytest -q -m gpu --continue-on-collection-errors $(grep -rl "mark.gpu" tests) ;;
    eager) step 580 --variants official,official_tf32,float32,tf32,bf16,channels_last,fused ;;
    fast) step 580 --variants official,official_tf32,tf32,bf16,fused,networks,graphs ;;
    official) step 580 --preset official --variants official,official_tf32,tf32,bf16,fused,networks,graphs ;;
    curves)
        local size=(--steps 600 --size 128 --ngf 32 --batch 8 --perceptual 10)
        run 580 "$PYTHON" benchmarks/loss_curves.py "${size[@]}" --device cuda --picture "$OUT/loss-curves.png"
        ;;
    rollout) run 580 "$PYTHON" benchmarks/rollout.py $PEER --device cuda --frames 48 --streams 1 32 ;;
    data)
        clips
        run 390 "$PYTHON" benchmarks/loader.py --cache "$WORK/cache" --samples 3000 --workers 2 4
        ;;
    train)
        step 300 --variants bf16 --cache "$WORK/cache" --steps 200 --workers 4
        train
        ;;
    stages)
        clips
        run 280 "$PYTHON" benchmarks/warp.py --engines lattice,torch --device cuda
        "$PYTHON" -c "import detectron2" 2>/dev/null && run 280 "$PYTHON" benchmarks/densepose.py --count 200 --batch 16
        ;;
    *) echo "there is no part $1" && exit 2 ;;
    esac
}

"$PYTHON" -c "import torch; assert torch.cuda.is_available(), 'PyTorch finds no CUDA device'; print(torch.__version__, torch.cuda.get_device_name())" || exit 2
for name in "${@:-tests eager fast official curves rollout data train stages}"; do
    for one in $name; do
        FILE=$OUT/$one.txt
        : >"$FILE"
        part "$one"
    done
done
