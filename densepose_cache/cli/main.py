"""The command line `densepose-cache`: one subcommand per stage."""

import sys

from .subcommands import run_subcommands

SUMMARY = "Turn videos into cached frames, DensePose IUV maps and coarse warp grids."
SUBCOMMANDS = {
    "sample": ("densepose_cache.stages.sample", "Render people with exact IUV maps: a data set without a download."),
    "fetch": ("densepose_cache.stages.fetch", "Download videos from lists of URLs, or files of weights."),
    "clips": ("densepose_cache.stages.clips", "Write the clip table of a data set and its shards."),
    "decode": ("densepose_cache.stages.decode", "Decode the clips of a shard to square frames."),
    "densepose": ("densepose_cache.stages.densepose", "Get the IUV maps of a shard's frames."),
    "warp": ("densepose_cache.stages.warp", "Compute the coarse warp grids of a shard."),
    "index": ("densepose_cache.stages.index", "Link all shards into train.h5 and test.h5, and list the samples."),
    "import-iuv": ("densepose_cache.exchange.import_command", "Turn IUV maps of other tools into a side file."),
    "export-iuv": ("densepose_cache.exchange.export_command", "Write IUV maps as pictures that other tools read."),
    "inspect": ("densepose_cache.cli.inspect", "Look into a shard, a clip or an index."),
    "doctor": ("densepose_cache.cli.doctor", "Say what is installed and what is missing."),
}


def main():
    """Run the command line and exit."""
    sys.exit(run_subcommands(SUMMARY, SUBCOMMANDS))
