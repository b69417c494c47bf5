"""A folder to run the real workflow in, and a tiny configuration for it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
PROFILE = ROOT / "workflow/profiles/default"

TINY = {
    "video": {"size": 64},
    "densepose": {"backend": "precomputed", "degrade": "train"},
    "warp": {"samples": {"epochs": 1}},
    "model": {"ngf": 4, "blocks": 1, "refine_blocks": 1, "ndf": 4, "critic_layers": 2},
    "train": {
        "batch": 2,
        "steps": 3,
        "features": "embedded",
        "workers": 0,
        "threads": 1,
        "save_every": 2,
        "log_every": 1,
        "picture_every": 2,
    },
    "evaluate": {"features": "embedded"},
    "datasets": {"sample": {"source": {"kind": "sample", "train": 3, "test": 1, "size": 64, "frames": 6}, "shards": 2}},
}


class Project:
    """A working folder with a `config.yaml`, and the workflow's Snakefile to run in it."""

    def __init__(self, folder: Path, config: dict):
        self.folder = folder
        self.configure(config)

    def configure(self, config: dict):
        self.config = config
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def run(self, *arguments: str, root: Path = ROOT, profile: Path | str = "none") -> subprocess.CompletedProcess:
        """Run Snakemake on the workflow of the checkout `root`; standard output and error come back as text in `stdout`.

        Without a `profile` Snakemake says all that it does.
        """
        process = self.start(*arguments, root=root, profile=profile)
        try:
            said, _ = process.communicate(timeout=600)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, said)

    def start(
        self, *arguments: str, root: Path = ROOT, profile: Path | str = "none", stdout: int = subprocess.PIPE, env: dict | None = None
    ) -> subprocess.Popen:
        """Start what `run` runs, with the environment `env` if it is given."""
        command = [SNAKEMAKE, "--snakefile", root / "Snakefile", "--cores", "2", "--workflow-profile", profile, *arguments]
        streams = {"text": True, "stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=self.folder, env=env, **streams)

    def jobs(self, done: subprocess.CompletedProcess) -> dict[str, int]:
        """How often each rule ran (or would run), from Snakemake's table of jobs at the end of scheduling."""
        found: dict[str, int] = {}
        for name in re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", done.stdout, re.M):
            found[name] = found.get(name, 0) + 1
        found.pop("all", None)
        return found

    def metrics(self, dataset: str = "sample") -> dict:
        return json.loads((self.folder / "results" / dataset / "metrics.json").read_text())
