import subprocess
import sys

import pytest

from densepose_cache.cli.subcommands import run_verbs
from dwnet.cli.main import SUMMARY, VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    assert run_verbs(SUMMARY, VERBS, [verb, "--help"]) == 0
    assert verb in capsys.readouterr().out


def test_help_needs_no_torch():
    lines = (
        "import sys",
        "from dwnet.cli.main import *",
        "code = run_verbs(SUMMARY, VERBS, ['--help'])",
        "sys.exit(code or 'torch' in sys.modules)",
    )
    code = "\n".join(lines)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and all(verb in done.stdout for verb in VERBS), done.stderr


def test_wrong_input_is_one_line_and_exit_code_2(tmp_path, capsys):
    arguments = ["train", "--data", "none.h5", "--out", str(tmp_path / "run" / "model.safetensors")]
    assert run_verbs(SUMMARY, VERBS, [*arguments, "--settings", '{"batch": 0}']) == 2
    assert run_verbs(SUMMARY, VERBS, arguments) == 2
    assert run_verbs(SUMMARY, VERBS, ["train", "--data", "x"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith("error: train.batch: ") and errors[1].startswith("error: none.h5")
    assert not (tmp_path / "run").exists()
