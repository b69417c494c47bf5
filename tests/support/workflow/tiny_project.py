"""A folder to run the real workflow in, and a tiny configuration for it."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from forks import snakemake

ROOT = Path(__file__).parents[3]
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

        Without a `profile` Snakemake says all that it does. It is a fork that has its modules loaded, but where `root` has its own.
        """
        command = _command(*arguments, root=root, profile=profile)
        with tempfile.TemporaryDirectory() as folder:
            words = Path(folder) / "words.txt"
            if root == ROOT:
                code = snakemake(command, self.folder, words)
            else:
                with words.open("w") as out:
                    process = self.start(*arguments, root=root, profile=profile, stdout=out)
                try:
                    code = process.wait(600)
                finally:
                    process.kill()
            said = words.read_text()
        return subprocess.CompletedProcess(command, code, said)

    def start(
        self, *arguments: str, root: Path = ROOT, profile: Path | str = "none", stdout: int = subprocess.PIPE, env: dict | None = None
    ) -> subprocess.Popen:
        """Start the program of what `run` runs, with the environment `env` if it is given."""
        streams = {"text": True, "stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": subprocess.STDOUT}
        return subprocess.Popen(_command(*arguments, root=root, profile=profile), cwd=self.folder, env=env, **streams)

    def jobs(self, done: subprocess.CompletedProcess) -> dict[str, int]:
        """How often each rule ran (or would run), from Snakemake's table of jobs at the end of scheduling."""
        found: dict[str, int] = {}
        for name in re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", done.stdout, re.M):
            found[name] = found.get(name, 0) + 1
        found.pop("all", None)
        return found

    def metrics(self, dataset: str = "sample") -> dict:
        return json.loads((self.folder / "results" / dataset / "metrics.json").read_text())


def _command(*arguments: str, root: Path, profile: Path | str) -> list:
    return [SNAKEMAKE, "--snakefile", root / "Snakefile", "--cores", "2", "--workflow-profile", profile, *arguments]
