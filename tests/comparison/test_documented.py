"""What `solver/README.md` shows of differences and reports is what happens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLANS = Path(__file__).parent / "plans"
_SECTION = re.compile(r"^## \d+\. Differences and reports$(.*?)(?=^## |\Z)", re.M | re.S)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_CODES = {"diff": 3, "report": 0}


def _blocks(language: str) -> list[str]:
    section = _SECTION.search((ROOT / "solver" / "README.md").read_text(encoding="utf-8"))
    assert section is not None
    return [text for kind, text in _BLOCK.findall(section[1]) if kind == language]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """`plan.json` committed twice, as v1 and v2."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for tag, name in (("v1", "before.json"), ("v2", "after.json")):
        shutil.copy(PLANS / name, tmp_path / "plan.json")
        script = f"git init -q; git add plan.json; git commit -qm {tag}; git tag {tag}"
        person = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b"}
        person |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
        environment = {**os.environ, "PATH": path, **person}
        subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=environment, check=True)
    return tmp_path


def _run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "solver.cli.main", *line.split()[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_commands_shown_work(repository: Path) -> None:
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert line.startswith("mmp ")
        assert _run(line, repository).returncode == _CODES[line.split()[1]], line
    assert (repository / "report.html").is_file()


def test_the_lines_shown_are_among_those_printed(repository: Path) -> None:
    (shown,) = _blocks("text")
    printed = _run("mmp diff plan.json@v1 plan.json@v2", repository).stdout.splitlines()
    assert [line for line in shown.splitlines() if line not in printed] == []
