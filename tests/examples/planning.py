"""The command line on a spec, as a user runs it, and what the tests read off a plan."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"

Document = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """How one command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Solved:
    """The exit code and document of `mmp solve --json`, and where the document was saved."""

    code: int
    document: Document
    path: Path

    @property
    def value(self) -> float:
        """Value of the objective."""
        return float(self.document["objective"]["value"])

    @property
    def communication(self) -> list[Document]:
        """The collectives of a step."""
        found: list[Document] = self.document["communication"]
        return found

    def cuts(self, operator: str) -> dict[str, list[str]]:
        """Index -> sub-axes that cut it."""
        found: dict[str, list[str]] = self.document["operators"][operator]["cuts"]
        return found

    def named(self, end: str) -> list[str]:
        """Operators whose names end so; there are some."""
        found = [name for name in self.document["operators"] if name.endswith(end)]
        assert found, end
        return found


Planned = Callable[[str], Solved]  # an example by its name; the fixture `planned`


def mmp(*arguments: str) -> Ended:
    """Run `mmp` in the root of the repository."""
    done = subprocess.run(
        [sys.executable, "-m", "solver.cli.main", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def solve(spec: Path, folder: Path, seconds: float, *given: str) -> Solved:
    """Plan a spec within some seconds and save the document."""
    ended = mmp("solve", str(spec), "--json", "--time-limit", str(seconds), *given)
    assert ended.out, ended.err
    path = folder / "plan.json"
    path.write_text(ended.out, encoding="utf-8")
    return Solved(ended.code, json.loads(ended.out), path)
