import subprocess
import sys

import pytest

from densepose_cache.cli.subcommands import run_subcommands
from dwnet.cli.main import SUBCOMMANDS, SUMMARY


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_every_subcommand_explains_itself(subcommand, capsys):
    assert run_subcommands(SUMMARY, SUBCOMMANDS, [subcommand, "--help"]) == 0
    assert subcommand in capsys.readouterr().out


def test_help_needs_no_torch():
    lines = (
        "import sys",
        "from dwnet.cli.main import *",
        "code = run_subcommands(SUMMARY, SUBCOMMANDS, ['--help'])",
        "sys.exit(code or 'torch' in sys.modules)",
    )
    code = "\n".join(lines)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and all(subcommand in done.stdout for subcommand in SUBCOMMANDS), done.stderr


def test_wrong_input_is_one_line_and_exit_code_2(tmp_path, capsys):
    arguments = ["train", "--data", "none.h5", "--out", str(tmp_path / "run" / "model.safetensors")]
    assert run_subcommands(SUMMARY, SUBCOMMANDS, [*arguments, "--settings", '{"batch": 0}']) == 2
    assert run_subcommands(SUMMARY, SUBCOMMANDS, arguments) == 2
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["train", "--data", "x"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith("error: train.batch: ") and errors[1].startswith("error: none.h5")
    assert not (tmp_path / "run").exists()
