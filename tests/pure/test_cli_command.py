"""What every command has in common: help, version, exit codes, JSON, errors."""

import json
import os
import re
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
HEAVY = [
    *("asyncssh", "cryptography", "docker", "h11", "jinja2", "pydantic", "rich", "websockets", "yaml"),
    *("asyncio", "ssl", "deployer.model", "deployer.outcome", "deployer.report", "deployer.cli.walks"),
]
LATE = [
    *("deployer.drift", "deployer.facts", "deployer.model.role", "deployer.plan", "deployer.probes"),
    *("deployer.release", "deployer.render", "deployer.standing", "deployer.deploy.applying"),
]


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


def test_help_imports_none_of_the_heavy_libraries() -> None:
    program = f"""
import atexit, sys
atexit.register(lambda: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr))
sys.argv = ["deployer", "--help"]
from deployer.__main__ import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "Usage: deployer" in ended.stdout
    assert ended.stderr == "[]\n"


def test_pydantic_has_no_plugins_and_its_own_module_for_whoever_asks_for_more() -> None:
    program = (
        "import sys; from deployer.cli.plugins import LOADER, forgo; forgo();"
        "from pydantic.plugin._loader import get_plugins;"
        "print(get_plugins(), 'importlib.metadata' in sys.modules);"
        "from pydantic.plugin._loader import PYDANTIC_ENTRY_POINT_GROUP as group; print(group)"
    )

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert printed.stdout == "() False\npydantic\n"


def test_a_host_that_needs_nothing_is_walked_without_the_libraries_of_visitors_and_of_docker() -> None:
    program = (
        "import sys, deployer.cli.walks, deployer.deploy, deployer.rollout, deployer.transport.ssh;"
        "print([name for name in ('h11', 'websockets', 'docker') if name in sys.modules])"
    )

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert printed.stdout == "[]\n"


def test_what_is_needed_once_a_host_has_answered_is_imported_after_it_was_called(tmp_path: Path) -> None:
    program = f"""
import sys
import deployer.transport.connect as way
from deployer.errors import UnreachableError

async def connect(host):
    print([name for name in {LATE} if name in sys.modules], file=sys.stderr)
    raise UnreachableError("seen enough")

way.connect = connect
sys.argv = ["deployer", "apply", "{tmp_path}/inventory.yaml", "--json"]
from deployer.__main__ import main
main()
"""
    (tmp_path / "inventory.yaml").write_text("all: {hosts: {edge1: {}}}\n")

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "seen enough" in ended.stdout
    assert "[]\n" in ended.stderr


@pytest.mark.parametrize("group", [(), ("lab",)])
def test_a_list_of_commands_says_of_each_what_its_own_help_says(group: tuple[str, ...]) -> None:
    def sentence(*command: str) -> str:
        """Say what stands between usage and options."""
        return " ".join(said(*command, "--help").split("\n\n")[1].split())

    listed = said(*group, "--help").partition("Commands:\n")[2].partition("\n\n")[0]
    told = dict(line.split(maxsplit=1) for line in re.split(r"\n  (?=\w)", "\n" + listed)[1:])

    assert {name: " ".join(text.split()) for name, text in told.items()} == {
        name: sentence(*group, name) for name in told
    }


def test_a_shell_completes_commands_and_their_options() -> None:
    def completed(words: str) -> str:
        asked = {
            "_DEPLOYER_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }
        return CliRunner().invoke(app, prog_name="deployer", env=asked).output.strip()

    assert completed("deployer ro") == "rollback"
    assert completed("deployer lab up --no") == "--no-apply"


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


def program(*arguments: str, stdout: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deployer", *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["--help"], 0),
        (["apply", "--help"], 0),
        (["schema"], 0),
        (["schema", "--json"], 0),
        (["validate", "there-is-none.yaml", "--json"], 2),
    ],
)
def test_a_reader_who_has_had_enough_changes_no_exit_code_and_is_not_complained_of(
    arguments: list[str], exit_code: int
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = program(*arguments, stdout=writer)
    finally:
        os.close(writer)

    assert (ended.returncode, ended.stderr) == (exit_code, "")


@pytest.mark.parametrize("arguments", [["--help"], ["schema"]])
def test_a_result_that_a_full_disk_does_not_take_is_an_error_in_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = program(*arguments, stdout=full.fileno())

    complaint = "deployer: the result could not be written: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (1, complaint)


def test_nobody_needs_to_read_at_all() -> None:
    command = ["sh", "-c", '"$0" -m deployer schema >&-', sys.executable]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_long_line_is_not_folded_where_there_is_no_terminal() -> None:
    path = "/".join(["a-long-folder"] * 30)
    result = CliRunner().invoke(raising(DeployerError(f"{path} cannot be read [bold]")))

    assert f"{path} cannot be read [bold]\n" in result.stderr
