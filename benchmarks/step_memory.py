"""Memory of a training step, counted as `dwnet train --dry-run` does, for both presets, both kinds of backward pass and both precisions.

Usage: python benchmarks/step_memory.py [--size 256] [--batch 8] [--ngf 64]

Networks of the paper, VGG-19 with random weights, one device. Prints a line for each: gigabytes of weights, gradients and Adam's moments,
those kept for backward passes with the batch, and their sum. Nothing is computed and none of this memory is needed.
"""

import argparse

from official_code import random_vgg

from dwnet.config import PRESETS, ModelSettings, TrainSettings
from dwnet.core.device import FABRIC_PRECISION
from dwnet.model.discriminator import MultiscaleDiscriminator
from dwnet.model.generator import Generator
from dwnet.model.perceptual import Vgg19Features
from dwnet.training.plan import step_cost
from dwnet.training.step import Networks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--ngf", type=int, default=64, help="of the generator's and the discriminator's first layer")
    options = parser.parse_args()
    model = ModelSettings(ngf=options.ngf, ndf=options.ngf)
    nets = Networks(Generator(model), None, MultiscaleDiscriminator(model), None, Vgg19Features(random_vgg()))
    print("preset    backward  precision  weights  kept   sum (GB)")
    for preset in PRESETS:
        for backward in ("sample", "frame"):
            for precision, name in FABRIC_PRECISION.items():
                settings = TrainSettings(preset=preset, backward=backward)
                cost = step_cost(nets, model, settings, options.batch, options.size, name)
                weights, kept = cost.weights / 1e9, cost.activations / 1e9
                print(f"{preset:10}{backward:10}{precision:11}{weights:7.2f}{kept:7.2f}{weights + kept:7.2f}", flush=True)


if __name__ == "__main__":
    main()
