"""Completion in a real bash, and of what the other shells are told."""

from __future__ import annotations

import argparse
import shlex
import subprocess
from pathlib import Path

import pytest

from solver.cli.main import COMMANDS, command_line
from solver.completion import bash, fish, zsh
from solver.completion.table import table

TABLE = table(command_line())
SCRIPT = bash.script(TABLE)

CASES = [
    ("mmp che", ["check"]),
    ("mmp --ver", ["--version"]),
    ("mmp check --format ", ["text", "json", "sarif"]),
    ("mmp check --format s", ["sarif"]),
    ("mmp check --fo", ["--format"]),
    ("mmp check ", ["deep", "one.mmp"]),
    ("mmp check deep/", ["deep/two words.mmp"]),
    ("mmp verify p", ["plan.json"]),
    ("mmp verify plan.json ", ["deep", "plan.json"]),
    ("mmp fmt o", ["one.mmp"]),
    ("mmp import h", ["hf"]),
    ("mmp import hf --na", ["--name"]),
    ("mmp import hf --name ", []),
    ("mmp import hf p", ["plan.json"]),
    ("mmp solve --time-limit ", []),
    ("mmp solve one.mmp --js", ["--json"]),
    ("mmp sweep -o ", ["deep"]),
    ("mmp schema ", ["plan"]),
    ("mmp completion ", ["bash", "zsh", "fish"]),
    ("mmp nonsense ", []),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("files")
    (found / "deep").mkdir()
    for name in ("one.mmp", "plan.json", "deep/two words.mmp", "deep/notes.txt"):
        (found / name).touch()
    return found


def test_bash_completes(folder: Path) -> None:
    """All cases in one shell: words as typed, an empty one after a blank at the end."""
    program = [SCRIPT]
    for line, _ in CASES:
        words = [*line.split(), *([""] if line.endswith(" ") else [])]
        program.append(f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; _mmp")
        program.append("""printf '%s\\n' "${COMPREPLY[@]}"; printf '=\\n'""")
    done = subprocess.run(
        ["bash", "-u", "-c", "\n".join(program)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    offered = [
        [line for line in part.splitlines() if line] for part in done.stdout.split("=\n")[:-1]
    ]
    assert dict(zip([line for line, _ in CASES], offered, strict=True)) == dict(CASES)


def test_every_command_and_option_is_in_every_script() -> None:
    names = {command.__name__.rpartition(".")[2].rstrip("_") for command in COMMANDS}
    assert set(TABLE[0].commands) == names
    scripts = (SCRIPT, fish.script(TABLE), zsh.script(TABLE))
    for command in TABLE:
        for option in command.options:
            for name in option.names:
                assert all(name.lstrip("-") in script for script in scripts)
    assert all(name in script for name in names for script in scripts)


def test_help_texts_cannot_break_a_script() -> None:
    parser = argparse.ArgumentParser(prog="mmp", description="it's")
    inner = parser.add_subparsers().add_parser("odd", help="it's: [100%%] \\ `x` $(y)")
    inner.add_argument("--odd", help="it's: [100%%] \\ `x` $(y)")
    commands = table(parser)
    for script in (bash.script(commands), zsh.script(commands)):
        done = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True)
        assert done.stderr == ""
    assert "-d 'it\\'s: [100%] \\\\ `x` $(y)'" in fish.script(commands)
