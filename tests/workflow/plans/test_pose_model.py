"""How the MediaPipe pose model that ships is made."""

import importlib.util
import json
import subprocess
import sys
import zipfile

import pytest
from tiny_project import ROOT

from densepose_cache.core.errors import InputError
from dwnet.evaluation.keypoints.mediapipe_pose import TASK

SCRIPT = ROOT / "workflow/scripts/pose_model.py"
spec = importlib.util.spec_from_file_location("make_pose_model", SCRIPT)
script = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = script
spec.loader.exec_module(script)
WHEEL = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"


def test_what_ships_is_made_again_bit_for_bit(tmp_path):
    try:
        wheel = script.download_wheel(tmp_path)
    except InputError as error:
        pytest.skip(str(error))
    done = subprocess.run([sys.executable, SCRIPT, "--wheel", wheel, "--out", tmp_path / TASK.name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / TASK.name).read_bytes() == TASK.read_bytes()
    assert json.loads((tmp_path / TASK.name).with_suffix(".json").read_text()) == json.loads(TASK.with_suffix(".json").read_text())


def test_task_holds_both_networks_uncompressed_with_metadata():
    with zipfile.ZipFile(TASK) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        assert set(entries) == {network.name for network in script.NETWORKS}
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in entries.values())
        assert all(b"TFLITE_METADATA" in archive.read(name) and b"M001" in archive.read(name) for name in entries)


def test_without_a_package_index_the_ways_out_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("UV_OFFLINE", "1")
    out = tmp_path / "made" / TASK.name
    done = subprocess.run([sys.executable, SCRIPT, "--out", out], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: wheel mediapipe==0.10.21 could not be downloaded")
    assert "a wheel of any platform with --wheel" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        (script.NETWORKS[0].member, b"something else", "has sha256"),
        ("other.txt", b"", "not a wheel of mediapipe==0.10.21"),
    ],
)
def test_a_wrong_wheel_is_refused(tmp_path, member, content, message):
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as archive:
        for network in script.NETWORKS if member != "other.txt" else ():
            archive.writestr(network.member, content)
        archive.writestr("other.txt", b"")
    with pytest.raises(InputError, match=message):
        script.make(tmp_path / WHEEL, tmp_path / TASK.name)
    assert [path.name for path in tmp_path.iterdir()] == [WHEEL]
