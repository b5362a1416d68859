"""What every command has in common: help, version, exit codes, JSON, errors."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deployer import __version__
from deployer.cli.answer import Answer
from deployer.cli.app import app
from deployer.cli.command import takes
from deployer.cli.options import Common
from deployer.errors import DeployerError, InventoryError, LabError, Place, Problem
from deployer.outcome import State

COMMANDS = ["plan", "apply", "rollback", "verify", "history", "validate", "render", "schema"]
LAB = ["up", "down", "status", "ssh", "logs"]


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments], env={"NO_COLOR": "1", "COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def raising(error: BaseException) -> typer.Typer:
    """A program of one command that ends like this."""
    program = typer.Typer()

    def command(options: Common) -> Answer:
        raise error

    takes(program, "apply", Common)(command)
    return program


def test_help_lists_every_command() -> None:
    text = said("--help")

    assert [name for name in COMMANDS if f" {name} " not in text] == []
    assert [name for name in LAB if f" {name} " not in said("lab", "--help")] == []


@pytest.mark.parametrize("command", [[name] for name in COMMANDS] + [["lab", name] for name in LAB])
def test_the_help_of_every_command_documents_every_exit_code(command: list[str]) -> None:
    text = said(*command, "--help")

    codes = {state.exit_code for state in State} | {3, LabError.exit_code}
    assert [code for code in sorted(codes) if f" {code}  " not in text] == []


def test_help_starts_without_the_heavy_libraries() -> None:
    heavy = ["asyncssh", "docker", "cryptography", "httpx", "websockets", "jinja2", "yaml", "deployer.model"]
    program = f"import sys, deployer.cli; print([name for name in {heavy} if name in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert printed.stdout.strip() == "[]"


def test_version_is_one_line() -> None:
    assert said("--version") == f"deployer {__version__}\n"


@pytest.mark.parametrize("arguments", [["aply"], ["apply", "--no-such-option", "x"], ["apply"]])
def test_a_command_line_that_is_wrong_exits_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_a_set_without_a_value_is_a_usage_error_with_its_document(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["plan", str(tmp_path / "x.yaml"), "--set", "oops", "--json"])

    told = json.loads(result.stdout)
    assert result.exit_code == told["exit_code"] == 2
    assert told["message"] == "--set oops: not KEY=VALUE"


def test_an_error_goes_to_stderr_and_leaves_stdout_to_results() -> None:
    problem = Problem("unknown key 'site'", Place("inventory.yaml", 3, 5), "all.vars")
    result = CliRunner().invoke(raising(InventoryError([problem])))

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "inventory.yaml:3:5  all.vars: unknown key 'site'\n"


def test_an_error_with_json_is_one_document_on_stdout_and_nothing_else() -> None:
    result = CliRunner().invoke(raising(LabError("no Docker", next_step="sudo sh lab/setup")), ["--json"])

    told = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (8, "")
    assert (told["command"], told["message"], told["next_step"]) == (
        "apply",
        "no Docker",
        "sudo sh lab/setup",
    )


def test_a_bug_exits_with_1_and_shows_no_traceback() -> None:
    result = CliRunner().invoke(raising(ValueError("surprise")))

    assert result.exit_code == 1
    assert (
        result.stderr
        == "deployer: a bug in deployer: ValueError: surprise\n  next: deployer apply --debug ...\n"
    )


def test_a_bug_shows_its_traceback_with_debug() -> None:
    result = CliRunner().invoke(raising(ValueError("surprise")), ["--debug"])

    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr


def test_ctrl_c_before_any_host_exits_as_shells_expect() -> None:
    result = CliRunner().invoke(raising(KeyboardInterrupt()), ["--json"])

    assert result.exit_code == 130
    assert json.loads(result.stdout)["message"] == "interrupted"


def test_a_long_line_is_not_folded_where_there_is_no_terminal() -> None:
    path = "/".join(["a-long-folder"] * 30)
    result = CliRunner().invoke(raising(DeployerError(f"{path} cannot be read [bold]")))

    assert f"{path} cannot be read [bold]\n" in result.stderr
