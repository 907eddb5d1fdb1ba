"""Every command and every spec in the README does what it says.

Blocks run in order in one folder, so that a spec shown can be used by the commands below it. A
block under `<!-- test: slow -->` runs only with `pytest -m slow`; those that set up an environment
install packages from the network, in a copy of the repository, as `.ci/run` does too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(
    r"(?P<slow><!-- test: slow -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
_SAVED_AS = re.compile(r"Save it as `(?P<name>[\w.]+)`")


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    is_slow: bool

    @property
    def is_setup(self) -> bool:
        return "-m venv" in self.text


BLOCKS = [Block(m["language"], m["text"], bool(m["slow"])) for m in _BLOCK.finditer(README)]
COMMANDS = [block for block in BLOCKS if block.language == "sh"]
NETWORK = [block for block in COMMANDS if block.is_setup]


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run shell commands as a reader would, with the environment of these tests on the PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )


def _copy(folder: Path) -> Path:
    """The repository without what is not part of it, with the README's spec saved."""
    skip = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis")
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=skip)
    (spec,) = (block.text for block in BLOCKS if block.language == "mmp")
    name = _SAVED_AS.search(README)
    assert name is not None
    (tree / name["name"]).write_text(spec, encoding="utf-8")
    return tree


def test_every_block_is_of_a_known_kind() -> None:
    assert {block.language for block in BLOCKS} == {"sh", "mmp"}
    assert len(BLOCKS) == README.count("\n```") / 2
    assert all(block.is_slow for block in NETWORK)


def test_two_commands_set_everything_up() -> None:
    assert len(NETWORK) == 2
    assert all(block.text.count("\n") == 1 for block in NETWORK)
    assert "mmp solve examples/" in NETWORK[0].text
    assert NETWORK[1].text.rstrip().endswith("pytest")


def test_quick_commands(tmp_path: Path) -> None:
    tree = _copy(tmp_path)
    for block in COMMANDS:
        if not block.is_slow:
            done = _run(block.text, tree)
            assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"


def test_the_spec_is_in_the_one_style(tmp_path: Path) -> None:
    done = _run("mmp fmt --diff first.mmp", _copy(tmp_path))
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_slow_commands(tmp_path: Path) -> None:
    tree = _copy(tmp_path)
    for block in COMMANDS:
        if block.is_slow and not block.is_setup:
            done = _run(block.text, tree)
            assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_first_setup_command(tmp_path: Path) -> None:
    """The second one runs these tests; `.ci/run` is its test."""
    done = _run(NETWORK[0].text, _copy(tmp_path))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_exit_codes_are_those_of_the_program() -> None:
    from solver.cli.exit_codes import ExitCode

    listed = [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.M)]
    assert listed == [int(code) for code in ExitCode]


def test_the_commands_are_those_of_the_program() -> None:
    from solver.cli.main import COMMANDS as PROGRAM

    listed = re.findall(r"^\| `mmp (\w+)", README, re.M)
    modules = [command.__name__.rpartition(".")[2] for command in PROGRAM]
    assert listed == [module.rstrip("_") for module in modules]  # `import` is a word of Python
