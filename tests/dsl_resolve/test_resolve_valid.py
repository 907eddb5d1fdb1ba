"""Every `valid/*.mmp` resolves to the Spec whose dump stands beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from spec_dump import dump

from dsl.load import check, load

HERE = Path(__file__).parent
VALID = sorted((HERE / "valid").glob("*.mmp"))


@pytest.mark.parametrize("path", VALID, ids=lambda p: p.stem)
def test_spec(path: Path, golden, monkeypatch) -> None:
    monkeypatch.chdir(path.parent)
    assert check(path.name) == ()
    golden(path.with_suffix(".spec"), dump(load(path.name)))


@pytest.mark.parametrize("path", VALID, ids=lambda p: p.stem)
def test_program_order(path: Path) -> None:
    """Operators come after what they read, every operator is in exactly one unit."""
    graph = load(path).graph
    produced = {name for name, tensor in graph.tensors.items() if tensor.role != "value"}
    for operator in graph.operators:
        assert {use.tensor for use in operator.inputs} <= produced
        produced |= {use.tensor for use in operator.results}
    assert produced == set(graph.tensors)
    in_units = [name for unit in graph.units for name in unit.operators]
    assert in_units == [operator.name for operator in graph.operators]
    assert {o.unit for o in graph.operators} == {unit.name for unit in graph.units}


def test_same_bytes_under_two_hash_seeds() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from spec_dump import dump; "
        "from dsl.load import load; [print(dump(load(p))) for p in sys.argv[2:]]"
    )
    command = [sys.executable, "-c", code, str(HERE), *map(str, VALID)]
    seen = {
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=HERE.parent.parent,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
