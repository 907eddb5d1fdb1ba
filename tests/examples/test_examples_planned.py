"""Every example is planned by the command line, and its plan passes `mmp verify`."""

from __future__ import annotations

import math

import pytest

from dsl.load import load
from tests.examples.expected import EXPECTED, INFEASIBLE
from tests.examples.planning import EXAMPLES, Planned, mmp

FILES = sorted(EXAMPLES.glob("*.mmp"))


def test_every_example_is_expected_and_shown_in_the_gallery() -> None:
    names = [path.stem for path in FILES]
    assert sorted([*EXPECTED, *INFEASIBLE]) == names
    gallery = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in names if f"**[{name}.mmp]({name}.mmp)**" not in gallery] == []


def test_every_example_passes_check_and_fmt() -> None:
    paths = [str(path) for path in FILES]
    checked = mmp("check", *paths)
    assert (checked.code, checked.err) == (0, f"{len(paths)} files checked: 0 errors, 0 warnings\n")
    assert mmp("fmt", "--check", *paths).code == 0


@pytest.mark.parametrize("name", EXPECTED)
def test_the_plan_is_verified_and_good(name: str, planned: Planned) -> None:
    expected, solved = EXPECTED[name], planned(name)
    assert solved.code == 0
    assert solved.document["outcome"]["plan"] in ("optimal", "feasible")
    assert solved.document["mesh"]["devices"] == expected.devices
    verified = mmp("verify", str(solved.path))
    assert (verified.code, verified.err) == (0, "")
    objective = solved.document["objective"]
    assert 0 < objective["bound"] <= objective["value"] * (1 + 1e-9)
    assert objective["gap"] <= expected.gap
    if expected.stages is not None:
        assert len(solved.document["pipeline"]["stages"]) == expected.stages


@pytest.mark.parametrize("name", EXPECTED)
def test_every_operator_is_placed_and_every_must_holds(name: str, planned: Planned) -> None:
    document = planned(name).document
    spec = load(EXAMPLES / f"{name}.mmp")
    placed = [o for stage in document["pipeline"]["stages"] for o in stage["operators"]]
    assert sorted(placed) == sorted(operator.name for operator in spec.graph.operators)
    assert sorted(document["operators"]) == sorted(placed)
    texts = [row["text"] for row in document["pins"]]
    assert texts == [item.text for item in (*spec.pins, *spec.limits)]
    assert all(row["satisfied"] for row in document["pins"] if row["weight_s"] is None)
    paid = math.fsum(row["paid_s"] for row in document["pins"])
    assert document["objective"]["penalty"] == pytest.approx(paid)
