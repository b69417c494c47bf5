"""`dwnet serve` as a process of its own, and what a browser asked for."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

START = 300
"""Seconds that a start may take on a busy machine."""


class Served:
    """A running `dwnet serve`. `temporary` is its folder for temporary files, `url` its address."""

    def __init__(self, folder: Path, model: Path, *arguments: str):
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"TMPDIR": str(self.temporary), "XDG_CACHE_HOME": str(model.parent / "cache"), "OMP_NUM_THREADS": "1"}
        self._log = folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dwnet.cli", "serve", "--port", "0", "--model", str(model), *arguments],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + START
        while not (found := re.search(r"http://\S+", self.log)):
            assert self.process.poll() is None and time.monotonic() < end, self.log
            time.sleep(0.1)
        self.url = found.group().replace("0.0.0.0", "127.0.0.1")
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < end, self.log
            time.sleep(0.1)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def answers(self) -> bool:
        try:
            urllib.request.urlopen(self.url, timeout=10).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def made(self) -> list[str]:
        """Names of all results and unfinished ones that lie on disk."""
        return sorted(
            path.name
            for path in self.temporary.rglob("*")
            if path.suffix in (".mp4", ".tmp") and "-" in path.name and "examples" not in path.parts
        )

    def end(self, how=signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


def requested(browser) -> set[str]:
    """Addresses that the browser asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return {message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"}
