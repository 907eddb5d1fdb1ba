"""The three cases of ManuMatic (Wang et al., NPC 2025) as pairs of specs in `examples/manumatic`.

A pair has one model, mesh and training settings; the second spec has the pins. Both are planned by
`mmp solve` as it stands, with the belief that their `param overlap` states, and then priced for
other values of it: what a plan costs on a machine that hides less than the planner believed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from dsl.load import load
from dsl.spec import Spec
from solver.verify.figures import Figures
from solver.verify.reprice import reprice

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "manumatic"
Overlap = float | Literal["scheduled"]
"""What the training setting of this name can be (`dsl.spec.Train`)."""
MACHINE = 0.0
"""The share of the communication of parameters and gradients that the machine hides."""


@dataclass(frozen=True, slots=True)
class Case:
    """Two specs, `NAME.mmp` and `NAME_pinned.mmp`, what the pins ask in words, the time limit of a
    solve in seconds, and the speed-up that the paper measured for such pins."""

    name: str
    title: str
    pins: str
    seconds: float
    published: float

    def path(self, is_pinned: bool) -> Path:
        """The file of one of the two specs."""
        return FOLDER / f"{self.name}{'_pinned' if is_pinned else ''}.mmp"

    @property
    def report(self) -> Path:
        """Where the report of the case is written."""
        return FOLDER / f"{self.name}.md"


CASES = (
    Case("mixtral_8x7b", "Mixtral 8x7B", "one expert-parallel pin", 30, 2.24),
    Case("llama3_8b", "Llama 3 8B", "one sequence-parallel pin", 30, 2.04),
    Case("qwen2_5_72b", "Qwen2.5 72B", "one sequence-parallel pin, a balanced pipeline", 60, 1.45),
)


@dataclass(frozen=True)  # no slots: the spec is read once, on demand
class Planned:
    """A plan document, the spec it was made for, and what was set of its parameters."""

    path: Path
    given: Mapping[str, str]
    document: dict[str, Any]

    @cached_property
    def spec(self) -> Spec:
        """The spec as it was planned."""
        return load(self.path, dict(self.given))

    def on(self, overlap: Overlap) -> Figures:
        """The plan's figures where so much of the communication of parameters is hidden."""
        train = replace(self.spec.train, overlap=overlap)
        return reprice(self.document, replace(self.spec, train=train))


def solve(path: Path, seconds: float, given: Mapping[str, str] = {}) -> Planned:
    """The plan that `mmp solve` prints for a spec. Raises RuntimeError where it finds none."""
    settings = [word for name, value in given.items() for word in ("-D", f"{name}={value}")]
    command = [sys.executable, "-m", "solver.cli.main", "solve", str(path)]
    options = ["--json", "--time-limit", str(seconds), *settings]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"no plan for {path.name}: {done.stderr}")
    return Planned(path, given, json.loads(done.stdout))
