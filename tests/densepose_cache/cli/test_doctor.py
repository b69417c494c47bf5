import ctypes
import importlib.metadata

import pytest

from densepose_cache.cli import doctor
from densepose_cache.cli.main import SUBCOMMANDS, SUMMARY
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.storage.weights import WEIGHTS


def by_name(weights):
    return {finding.name: finding for finding in doctor.examine(weights)}


def test_what_everything_needs_is_here(tmp_path):
    """The suite itself runs on these."""
    findings = by_name(tmp_path)
    needed = {name: finding for name, finding in findings.items() if finding.needed}
    assert set(needed) == {"Python", "Python packages", "Compression for HDF5", "ffmpeg"}
    assert all(finding.there for finding in needed.values()), [str(finding) for finding in needed.values()]
    assert "ffmpeg version" in needed["ffmpeg"].text
    assert set(findings) - set(needed) >= {"GPU", "detectron2 with DensePose", "MediaPipe's system libraries"}


def test_whatever_is_missing_comes_with_a_command(tmp_path):
    for finding in doctor.examine(tmp_path):
        assert finding.there or finding.mend
        assert ("->" in str(finding)) == (not finding.there)


def test_weights_missing_damaged_and_of_another_file(tmp_path):
    assert set(WEIGHTS) <= {name.removeprefix("weights ") for name in by_name(tmp_path)}
    finding = by_name(tmp_path)["weights vgg19"]
    assert (finding.there, finding.mend) == (False, f"densepose-cache fetch --weights vgg19 --out {tmp_path}")
    (tmp_path / WEIGHTS["vgg19"].file).write_bytes(b"half a download")
    finding = by_name(tmp_path)["weights vgg19"]
    assert not finding.there
    assert finding.mend.startswith(f"rm {tmp_path / WEIGHTS['vgg19'].file} && densepose-cache fetch")


def test_missing_libraries_packages_and_detectron2_are_named(tmp_path, monkeypatch):
    real = ctypes.CDLL

    def without_egl(name, *args, **kwargs):
        if name == "libEGL.so.1":
            raise OSError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(ctypes, "CDLL", without_egl)
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["numpy>=2", "no-such-package>=1", 'pytest; extra == "dev"'])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    findings = by_name(tmp_path)
    assert "libegl1" in findings["MediaPipe's system libraries"].mend
    assert findings["Python packages"].mend.endswith("-m pip install no-such-package")
    assert "#subdirectory=projects/DensePose" in findings["detectron2 with DensePose"].mend
    assert not any(findings[name].there for name in ("MediaPipe's system libraries", "Python packages", "detectron2 with DensePose"))


@pytest.mark.parametrize("broken", [False, True])
def test_exit_code_tells_whether_the_needed_is_there(tmp_path, capsys, monkeypatch, broken):
    findings = [doctor.Finding("ffmpeg", not broken, "looked for", "mend it", True), doctor.Finding("GPU", False, "none", "buy one")]
    monkeypatch.setattr(doctor, "examine", lambda weights: findings)
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["doctor", "--weights", str(tmp_path)]) == int(broken)
    out = capsys.readouterr().out
    assert ("MISSING ffmpeg" in out) == broken
    assert "-> buy one" in out
