"""The command line `dwnet`: one subcommand per stage of learning."""

import sys

from densepose_cache.cli.subcommands import run_subcommands

SUMMARY = "Train on a cache, animate people by the motion of a video, measure the result."
SUBCOMMANDS = {
    "train": ("dwnet.cli.train", "Train a model, or go on with a training that was stopped."),
    "rollout": ("dwnet.cli.rollout", "Generate the test clips, each frame from the generated one before it."),
    "evaluate": ("dwnet.cli.evaluate", "Measure generated frames and the baselines against the real ones."),
    "compare": ("dwnet.cli.compare", "Say what is decided between two measured runs: differences with intervals."),
    "ablation": ("dwnet.cli.ablation", "Compare the full model with its ablations: table, intervals, plot, pictures."),
    "report": ("dwnet.cli.report", "Write the HTML page of a run."),
    "reproduce": ("dwnet.cli.reproduce", "Print how a result is made again, and whether its inputs are still the same."),
    "animate": ("dwnet.cli.animation.animate", "Animate the person of a picture with the motion of a video."),
    "batch": ("dwnet.cli.animation.batch", "Animate many pictures with many motions."),
    "serve": ("dwnet.cli.animation.serve", "Serve a web page that animates photos, on this machine."),
    "motion": ("dwnet.cli.animation.motion", "Save the motion of a video, for `dwnet animate`."),
    "export": ("dwnet.cli.animation.export", "Write a generator as ONNX or TorchScript, for other programs."),
    "import-official": ("dwnet.cli.official:import_command", "Turn weights of the official DwNet code into a model."),
    "export-official": ("dwnet.cli.official:export_command", "Turn a model into weights that the official DwNet code loads."),
}


def main():
    """Run the command line and exit."""
    sys.exit(run_subcommands(SUMMARY, SUBCOMMANDS))
