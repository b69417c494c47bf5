"""The command line `dwnet`: one verb per stage of learning."""

import sys

from densepose_cache.cli.subcommands import run_verbs

SUMMARY = "Train on a cache, animate people by the motion of a video, measure the result."
VERBS = {
    "train": ("dwnet.train_command", "Train a model, or go on with a training that was stopped."),
    "rollout": ("dwnet.rollout_command", "Generate the test clips, each frame from the generated one before it."),
    "evaluate": ("dwnet.evaluate_command", "Measure generated frames and the baselines against the real ones."),
    "ablation": ("dwnet.ablation.command", "Compare the full model with its ablations: table, intervals, plot, pictures."),
    "report": ("dwnet.report.command", "Write the HTML page of a run."),
    "reproduce": ("dwnet.reproduce.command", "Print how a result is made again, and whether its inputs are still the same."),
    "animate": ("dwnet.animate_command", "Animate the person of a picture with the motion of a video."),
    "import-official": ("dwnet.official_command", "Turn weights of the official DwNet code into a model."),
    "export-official": ("dwnet.export_command", "Turn a model into weights that the official DwNet code loads."),
}


def main():
    """Run the command line and exit."""
    sys.exit(run_verbs(SUMMARY, VERBS))


if __name__ == "__main__":
    main()
