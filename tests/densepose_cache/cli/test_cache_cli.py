import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from coded_video import numbers_of

from densepose_cache.cache.stack import Stack
from densepose_cache.cli.main import SUBCOMMANDS, SUMMARY
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.config import read_source
from densepose_cache.core.errors import InputError

PROGRAM = Path(sys.executable).with_name("densepose-cache")


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, **options)


def test_help_lists_every_subcommand_and_imports_none_of_them():
    done = run("--help")
    assert done.returncode == 0
    assert all(f" {subcommand} " in done.stdout for subcommand in SUBCOMMANDS)
    script = "import sys, densepose_cache.cli.main as c\nsys.argv = ['x', '--help']\ntry: c.main()\nexcept SystemExit: pass\n"
    script += "print(sorted({'torch', 'pandas', 'h5py', 'av', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.endswith("[]\n")


@pytest.mark.parametrize("subcommand", ["clips", "fetch", "decode"])
def test_subcommands_have_help_with_an_example(subcommand, capsys):
    assert run_subcommands(SUMMARY, SUBCOMMANDS, [subcommand, "--help"]) == 0
    assert "Example: densepose-cache" in capsys.readouterr().out


def test_from_videos_to_frames(coded, tmp_path):
    for split in ("train", "test"):
        (tmp_path / "videos" / split).mkdir(parents=True)
        (tmp_path / "videos" / split / "a.mp4").write_bytes(coded.read_bytes())
    source = json.dumps({"kind": "videos", "path": "videos"})
    done = run("clips", "--source", source, "--out", "cache/clips.csv", "--shards", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 training and 1 test clips in 1 shards" in done.stderr
    done = run("decode", "--clips", "cache/clips/000.csv", "--out", "cache/000.h5", "--settings", '{"size": 64}', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "200/200" in done.stderr, "a progress bar over frames"
    with h5py.File(tmp_path / "cache/000.h5") as file:
        assert sorted(file) == ["test-a", "train-a"]
        assert numbers_of(Stack(file["test-a/rgb"])[:]) == list(range(100))


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["clips", "--source", '{"kind": "frames", "path": "none"}', "--out", "c.csv"], 2, "error: none: no such folder"),
        (["clips", "--source", '{"kind": "films"}', "--out", "c.csv"], 2, "'sample', 'frames', 'videos', 'urls'"),
        (["clips", "--source", '{"kind": "frames", "path": "x", "pth": 1}', "--out", "c.csv"], 2, "pth: unknown key"),
        (["clips", "--source", '{"kind"', "--out", "c.csv"], 2, "error: the source is not valid JSON"),
        (["clips", "--source", "none.yaml", "--out", "c.csv"], 2, "error: none.yaml: no such source file"),
        (["clips", "--source", '{"kind": "frames", "path": "none"}', "--out", "."], 2, "error: .: is a folder"),
        (["decode", "--clips", "none.csv", "--out", "c.h5"], 2, "error: none.csv: no such table"),
        (["decode", "--clips", "none.csv", "--out", "c.h5", "--settings", '{"size": 101}'], 2, "size"),
        (["fetch", "--out", "c.csv"], 2, "error: fetch needs either --source or --weights"),
        (["fetch", "--weights", "vgg19", "--source", "{}", "--out", "c"], 2, "error: fetch needs either --source or --weights"),
        (["fetch", "--source", '{"kind": "videos", "path": "x"}', "--out", "c.csv"], 2, "error: fetch needs a source of kind `urls`"),
        (["nothing"], 2, "No such command"),
        (["decode"], 2, "Missing option"),
        ([], 2, "Usage"),
    ],
)
def test_wrong_input_is_one_line_and_code_2(arguments, code, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_subcommands(SUMMARY, SUBCOMMANDS, arguments) == code
    said = capsys.readouterr()
    assert text in said.err + said.out
    assert not list(tmp_path.iterdir())


def test_the_program_says_no_more_than_the_error(tmp_path):
    done = run("decode", "--clips", "none.csv", "--out", "c.h5", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: none.csv: no such table") and done.stderr.count("\n") == 1


def test_sources_from_files(tmp_path):
    (tmp_path / "s.yaml").write_text("kind: videos\npath: films\ntrain: '*'\n")
    assert read_source(str(tmp_path / "s.yaml")) == read_source('{"kind": "videos", "path": "films", "train": "*"}')


@pytest.mark.parametrize(("content", "reason"), [(b"\x89PNG\r\n", "can't decode byte 0x89"), (b"kind: videos\npath: [a\n", "line 3: ")])
def test_a_source_that_is_no_yaml_is_named(tmp_path, content, reason):
    (tmp_path / "s.yaml").write_bytes(content)
    with pytest.raises(InputError, match=rf"s\.yaml: is not valid YAML or JSON \(.*{reason}") as error:
        read_source(str(tmp_path / "s.yaml"))
    assert "\n" not in str(error.value)


@pytest.fixture
def subcommand(tmp_path, monkeypatch):
    """A command line of one subcommand whose body is given."""

    def make(body: str):
        (tmp_path / "one_subcommand.py").write_text(f"def command():\n    {body}\n")
        monkeypatch.syspath_prepend(tmp_path)
        sys.modules.pop("one_subcommand", None)
        return run_subcommands("Test.", {"one": ("one_subcommand", "One."), "two": ("no_such_module", "Two.")}, ["one"])

    return make


def test_exit_codes(subcommand, capsys):
    assert subcommand("pass") == 0
    assert subcommand("raise KeyboardInterrupt") == 130
    assert subcommand("raise SystemExit(7)") == 7
    assert subcommand("from densepose_cache.core.errors import InputError; raise InputError('a.mp4: is wrong')") == 2
    assert capsys.readouterr().err.endswith("error: a.mp4: is wrong\n")
    with pytest.raises(ZeroDivisionError):
        subcommand("1 / 0")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_decode_leaves_nothing(tmp_path, coded, sent, code):
    """Frames take for ever to come, so the subcommand is at work when the signal does. A job in the background is born deaf to SIGINT."""
    (tmp_path / "clips.csv").write_text(f"clip,split,video,start_frame,end_frame,bbox,iuv,sha256,iuv_sha256\na,train,{coded},,,,,x,\n")
    script = tmp_path / "slow.py"
    script.write_text(
        "import signal, sys, time\nfrom densepose_cache.stages import decode\nfrom densepose_cache.cli.main import main\n"
        "def slow(*_):\n    print('at work', flush=True)\n    time.sleep(600)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "decode._frames = slow\nsys.argv = ['densepose-cache', 'decode', '--clips', 'clips.csv', '--out', 'out.h5']\nmain()\n"
    )
    process = subprocess.Popen([sys.executable, script], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout.readline() == "at work\n"
    os.kill(process.pid, sent)
    assert process.wait(timeout=600) == code
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips.csv", "slow.py"]
