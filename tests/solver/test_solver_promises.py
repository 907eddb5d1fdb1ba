"""What the planner promises about pins, limits, conflicts and repeated runs."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from dsl.load import load
from dsl.spec import Spec
from solver.search import frame
from tests.solver.brute import optimum
from tests.solver.cases import cases
from tests.solver.solving import GRAIN, plan
from tests.solver.specs import Draft

SMALL = frame.SMALL  # before conftest folds small specs too
ROOT = Path(__file__).parent.parent.parent
QUICK = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
LAYERS = Draft("layers", sizes=(4098, 1024, 2048), train="microbatches 1 pipeline 1 stage")


def value(draft: Draft) -> float:
    found = plan(draft.spec())["objective"]["value"]
    assert isinstance(found, float)
    return found


# ---- soft pins -----------------------------------------------------------------------------


@pytest.mark.parametrize("wish", ["net.a : b over gpu", "net.a : b over gpu, stored over gpu"])
def test_a_soft_pin_switches_at_its_price(wish: str) -> None:
    draft = Draft("products", sizes=(4098, 1024, 2048), train="microbatches 1 pipeline 1 stage")
    free = value(draft)
    price = value(replace(draft, statements=(f"pin {wish}",))) - free
    assert price > 0
    for share in (0.25, 0.9, 0.99, 1.01, 1.1, 4.0):
        weight = f"weight {price * share * 1e9:.3f} ns"
        document = plan(replace(draft, statements=(f"pin {wish} {weight}",)).spec())
        kept = document["pins"][0]["satisfied"]
        assert kept == (share > 1), share
        paid = 0.0 if kept else price * share
        assert document["objective"]["penalty"] == pytest.approx(paid, rel=1e-6)
        assert document["objective"]["value"] == pytest.approx(
            free + min(price, price * share), rel=GRAIN
        )


@QUICK
@given(cases(("step_time",)))
def test_hard_pins_never_lower_the_objective(draft: Draft) -> None:
    """Taking away the pins one by one, the objective never rises; folds stay as they are, since a
    pin on one layer of a fold also makes room for layers that differ."""
    assume(draft.body != "layers")
    values = []
    for count in range(len(draft.statements) + 1):
        document = plan(replace(draft, statements=draft.statements[count:]).spec())
        found = document.get("objective", {"value": float("inf")})
        values.append(found["value"])
    for pinned, freer in itertools.pairwise(values):
        assert freer <= pinned * (1 + GRAIN)


# ---- pins by kind --------------------------------------------------------------------------


def operators(document: dict[str, Any], part: str) -> list[Any]:
    return [x for name, x in document["operators"].items() if part in name]


def test_a_pin_on_one_layer_unfolds_only_that_layer() -> None:
    from solver.search.frame import make_frame

    three = replace(LAYERS, body="layers", statements=("pin net.layers[1].a : f over gpu",))
    spec = three.spec()
    folded = [c.units for c in make_frame(LAYERS.spec()).classes]
    unfolded = [c.units for c in make_frame(spec).classes]
    assert ("net.layers[0]", "net.layers[1]") in folded
    assert ("net.layers[0]",) in unfolded
    assert ("net.layers[1]",) in unfolded
    document = plan(spec)
    assert document["operators"]["net.layers[1].a"]["cuts"] == {"f": ["gpu.0"]}


@pytest.mark.parametrize(
    ("what", "level"), [("", 3), ("gradients ", 2), ("optimizer ", 1)], ids=["3", "2", "1"]
)
def test_a_storage_pin_gives_zero(what: str, level: int) -> None:
    draft = replace(LAYERS, statements=(f"pin net : {what}stored over gpu", "pin net : b over gpu"))
    document = plan(draft.spec())
    levels = [x["levels"]["gpu"] for x in document["parameters"].values()]
    assert levels
    assert all(found >= level for found in levels)
    assert all(pin["satisfied"] for pin in document["pins"])


def test_forbidden_cuts_are_kept_clear_of() -> None:
    free = plan(LAYERS.spec())
    used = next(index for x in free["operators"].values() for index in x["cuts"])
    document = plan(replace(LAYERS, statements=(f"forbid net.** : {used} over gpu",)).spec())
    assert not any(used in x["cuts"] for x in document["operators"].values())
    assert document["objective"]["value"] >= free["objective"]["value"] * (1 - GRAIN)


def test_stage_and_recompute_pins_hold() -> None:
    draft = replace(
        LAYERS,
        train="microbatches 2 pipeline 2 stages",
        statements=(
            "pin net.layers[0] : on stage first, recompute",
            "pin net.layers[1] : on stage last, no recompute",
        ),
    )
    document = plan(draft.spec())
    assert all((x["stage"], x["recompute"]) == (0, True) for x in operators(document, "[0]"))
    assert all((x["stage"], x["recompute"]) == (1, False) for x in operators(document, "[1]"))


def test_a_step_time_limit_decides() -> None:
    best = value(LAYERS)
    allowed = replace(LAYERS, statements=(f"limit step_time <= {best * 1.01e9:.0f} ns",))
    assert value(allowed) == pytest.approx(best, rel=GRAIN)
    tight = replace(LAYERS, statements=(f"limit step_time <= {best * 0.99e9:.0f} ns",))
    assert plan(tight.spec())["outcome"] == {"stopped": "proved", "plan": "none"}


def test_the_second_objective_never_harms_the_first() -> None:
    memory = plan(replace(LAYERS, objective="memory").spec())
    both = plan(replace(LAYERS, objective="memory then step_time").spec())
    assert both["objective"]["value"] <= memory["objective"]["value"] * (1 + GRAIN)
    assert both["step_time_s"] <= memory["step_time_s"] * (1 + GRAIN)


# ---- conflicts -----------------------------------------------------------------------------

CONFLICTS = (
    ("pin net.a : f over gpu", "forbid net.a : f over gpu"),
    ("pin net.y : on stage last", "limit memory <= 1 MiB"),
    ("pin net.a : b over gpu", "pin net.y : whole d", "limit step_time <= 1 ns"),
)


def without(spec: Spec, row: dict[str, Any]) -> Spec:
    """The spec without what stands on a line."""
    return replace(
        spec,
        pins=tuple(p for p in spec.pins if p.span.line != row["line"]),
        limits=tuple(x for x in spec.limits if x.span.line != row["line"]),
    )


@pytest.mark.parametrize(
    "statements",
    [CONFLICTS[0], *(pytest.param(conflict, marks=pytest.mark.slow) for conflict in CONFLICTS[1:])],
)
def test_a_conflict_is_minimal_and_every_way_out_leads_out(statements: tuple[str, ...]) -> None:
    draft = Draft("products", sizes=(4098, 1024, 2048), train="pipeline 1 stage recompute none")
    spec = replace(draft, statements=statements).spec()
    assert optimum(spec) is None
    document = plan(spec)
    assert document["outcome"] == {"stopped": "proved", "plan": "none"}
    lines = [row["line"] for row in document["conflict"]]
    alone = replace(
        spec,
        pins=tuple(p for p in spec.pins if p.span.line in lines),
        limits=tuple(x for x in spec.limits if x.span.line in lines),
    )
    assert optimum(alone) is None
    for row in document["conflict"]:
        assert optimum(without(alone, row)) is not None
    assert document["relaxations"]
    for row in document["relaxations"]:
        eased = without(spec, row)
        if "bytes" in row:
            limit = next(x for x in spec.limits if x.span.line == row["line"])
            eased = replace(eased, limits=(*eased.limits, replace(limit, value=row["bytes"])))
        assert optimum(eased) is not None


# ---- repeated runs -------------------------------------------------------------------------

PROGRAM = """
import json, sys, threading
from dsl.load import load
from solver.events import Options
from solver.search.solve import solve
options = Options(time_limit_s=60.0, workers=2, seed=0, reproducible=True)
document = solve(load(sys.argv[1]), options, lambda event: None, threading.Event())
print(json.dumps(document))
"""


def test_reproducible_runs_give_equal_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "spec.mmp"
    draft = Draft("layers", sizes=(4098, 1024, 2048), gpus=4, train="microbatches 1..2")
    path.write_text(draft.text(), encoding="utf-8")
    runs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(path)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert json.loads(runs[0])["outcome"]["plan"] != "none"
    monkeypatch.setattr(frame, "SMALL", SMALL)  # as the other processes have it
    document = plan(load(path), workers=2, reproducible=True)
    assert json.loads(json.dumps(document)) == json.loads(runs[0])
