"""Two working folders with one cache: while one run builds it the other is told so, and then shares what is there."""

import copy
import shutil
import signal
import time

import pytest
from outputs import forget
from tiny_project import TINY, Project

CACHE = "cache/sample/train.h5"


@pytest.mark.slow
def test_a_second_run_is_refused_until_the_first_has_built_the_cache(finished, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    shutil.copytree(finished.folder, first, symlinks=True)
    forget(first, "decode")
    first = Project(first, TINY)
    shared = {name: str(first.folder / name) for name in ("cache", "data")}
    second = Project(second, copy.deepcopy(TINY) | {"folders": shared})
    with first.start(CACHE) as building:
        while not (first.folder / "cache/sample/.run.lock").exists() and building.poll() is None:
            time.sleep(0.02)
        building.send_signal(signal.SIGSTOP)  # it cannot finish before the other has looked
        try:
            refused = second.run(f"{shared['cache']}/sample/train.h5")
        finally:
            building.send_signal(signal.SIGCONT)
        said, _ = building.communicate(timeout=600)
    assert building.returncode == 0, said
    assert refused.returncode != 0 and second.jobs(refused) == {} and "Traceback" not in refused.stdout
    assert f"{shared['cache']}/sample: another run, process {building.pid} on " in refused.stdout
    assert not list(first.folder.rglob(".run.lock"))

    trained = second.run("--until", "train", "--", "results/sample/metrics.json")
    assert trained.returncode == 0, trained.stdout
    assert second.jobs(trained) == {"train": 1}
    model = "results/sample/runs/full/model.safetensors"
    assert (second.folder / model).read_bytes() == (finished.folder / model).read_bytes()

    second.configure(second.config | {"warp": TINY["warp"] | {"seed": 1}})
    other = second.run("results/sample/metrics.json")
    assert other.returncode != 0 and second.jobs(other) == {} and "Traceback" not in other.stdout
    assert "warps/000.h5: was made from another working folder with other settings (warp.seed was 0)" in other.stdout
