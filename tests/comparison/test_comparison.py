"""Two plans and what tells them apart."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from solver.cli.exit_codes import CommandError, ExitCode
from solver.cli.saved.place import Place, place_of
from solver.cli.saved.plan import read_plan
from solver.comparison.axes import Axes
from solver.comparison.compare import compare, notes
from tests.verify.plans import NAMES
from tests.verify.plans import plan as sort_of_plan

Json = dict[str, Any]
PLANS = Path(__file__).parent / "plans"


@pytest.fixture
def plan() -> Json:
    return read_plan(place_of(str(PLANS / "before.json")), is_whole=True)


def _texts(before: Json, after: Json) -> list[str]:
    return [f"{found.section}: {found.text}" for found in compare(before, after)]


def test_a_plan_is_the_same_as_itself(plan: Json) -> None:
    assert compare(plan, copy.deepcopy(plan)) == ()


def test_how_a_plan_was_found_does_not_count(plan: Json) -> None:
    other = copy.deepcopy(plan)
    other["solver"]["wall_s"] = 99.0
    other["versions"] = {"mmp": "9"}
    other["sources"][0]["sha256"] = "0" * 64
    other["sources"][1]["path"] = "stdlib:others.mmp"
    other["objective"]["bound"] *= 0.9
    assert compare(plan, other) == ()
    assert [re.sub(r" [\d.]+ ms \(gap .*?\)", " TIME", note) for note in notes(plan, other)] == [
        "spec.mmp is not what it was",
        "stdlib:operators.mmp is no longer read",
        "stdlib:others.mmp is read now",
        "bound from TIME to TIME",
    ]


def test_rounding_is_no_difference(plan: Json) -> None:
    other = copy.deepcopy(plan)
    other["step_time_s"] *= 1 + 1e-12
    assert compare(plan, other) == ()


def _cut(plan: Json) -> None:
    for layer in (0, 4, 5, 6, 7):
        plan["operators"][f"net.layers[{layer}].act"]["cuts"] = {"b": ["gpu.0", "gpu.1"]}


def _cut_nothing(plan: Json) -> None:
    plan["operators"]["net.layers[1].up"]["cuts"] = {}


def _store(plan: Json) -> None:
    for layer in range(4, 8):
        plan["parameters"][f"net.layers[{layer}].up.w"]["levels"] = {"gpu": 3}


def _move(plan: Json) -> None:
    first, second = plan["pipeline"]["stages"]
    first["units"].append(second["units"].pop(0))


def _recompute(plan: Json) -> None:
    for name, choice in plan["operators"].items():
        choice["recompute"] = "layers[2]" in name


def _swap(plan: Json) -> None:
    mine = [a for a in plan["pipeline"]["schedule"] if a["device"] == 1]
    last = sorted(mine, key=lambda a: a["start_s"])[-2:]
    last[0]["microbatch"], last[1]["microbatch"] = last[1]["microbatch"], last[0]["microbatch"]


def _limit(plan: Json) -> None:
    for row in plan["memory"]:
        row["limit_bytes"] = 4 * 2**30


def _pay(plan: Json) -> None:
    plan["pins"][0] |= {"satisfied": True, "paid_s": 0.0}


def _drop_pin(plan: Json) -> None:
    del plan["pins"][0]


def _microbatches(plan: Json) -> None:
    plan["pipeline"]["microbatches"] = 16


def _mesh(plan: Json) -> None:
    plan["mesh"]["axes"][0]["size"] = 4


def _objective(plan: Json) -> None:
    plan["objective"]["name"] = "memory"


def _override(plan: Json) -> None:
    plan["overrides"] = {"depth": "2"}


def _variant(plan: Json) -> None:
    plan["operators"]["net.layers[1].up"]["variant"] = "wide"


def _layout(plan: Json) -> None:
    plan["tensors"]["net.layers[0].x"] = {"cuts": {"b": ["node.0"]}, "partial": ["gpu.0"]}


def _send(plan: Json) -> None:
    calls = plan["communication"]
    calls.append({**calls[0], "collective": "all_to_all", "axes": ["node.0"], "count": 2})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_cut, ["shardings: net.layers 0,4..7: act from f/gpu4 to b/gpu4"]),
        (_cut_nothing, ["shardings: net.layers 1: up from b/gpu.0, f/gpu.1 to whole"]),
        (_store, ["storage: net.layers 4..7: up.w from f/gpu4 to f/gpu4, ZeRO-3 over gpu"]),
        (_move, ["stages: net.layers 4 from stage 1 to stage 0"]),
        (_recompute, ["stages: net.layers 2 recomputed from no to yes"]),
        (_swap, ["order: stage 1: operator 23 of 24 and on from W6 W7 to W7 W6"]),
        (_limit, ["memory: stages 0..1: limit from 8.000 GiB to 4.000 GiB"]),
        (_mesh, ["settings: mesh from node 2 x gpu 4 to node 4 x gpu 4"]),
        (_objective, ["time: objective from step_time to memory"]),
        (_override, ["settings: parameter depth from the spec's own to 2"]),
        (
            _variant,
            ["shardings: net.layers 1: up from b/gpu.0, f/gpu.1 to as wide, b/gpu.0, f/gpu.1"],
        ),
        (
            _layout,
            ["shardings: net.layers 0: x added: tensor b/node2, partial sums over gpu.0"],
        ),
        (
            _pay,
            [
                "pins: pin net.layers[*].up : f over gpu weight price: from broken, worth 1.000 us,"
                " 1.000 us paid to holds, worth 1.000 us (spec.mmp:44)"
            ],
        ),
        (
            _drop_pin,
            [
                "pins: pin net.layers[*].up : f over gpu weight price: removed: broken, worth "
                "1.000 us, 1.000 us paid (spec.mmp:44)"
            ],
        ),
    ],
)
def test_what_changed_is_said_in_user_names(
    plan: Json, change: Callable[[Json], None], expected: list[str]
) -> None:
    other = copy.deepcopy(plan)
    change(other)
    assert [text for text in _texts(plan, other) if not _of_mesh(text)] == expected


def _of_mesh(text: str) -> bool:
    """What follows from another mesh: the pipeline's axis is a part of it only."""
    return text.startswith(("settings: axes of the pipeline", "communication: "))


def test_other_micro_batches_and_collectives_are_told(plan: Json) -> None:
    other = copy.deepcopy(plan)
    _microbatches(other)
    _send(other)
    found = _texts(plan, other)
    assert found[0] == "settings: micro-batches from 8 to 16"
    assert re.fullmatch(
        r"communication: all-to-all over node2 from none to 2 calls, .*", found[1]
    ), found
    assert len(found) == 2


def test_axes_are_whole_or_in_parts() -> None:
    mesh = {"axes": [{"name": n, "size": s} for n, s in (("a", 12), ("b1", 5), ("one", 1))]}
    axes = Axes({"mesh": mesh})
    assert axes.words(["b1.0", "a.0", "a.1", "a.2"]) == "a12,b1:5"
    assert axes.words(["a.2"]) == "a.2"
    assert axes.words(["strange"]) == "strange"
    assert axes.cuts({"x": ["b1.0"], "y": []}) == "x/b1:5"


def test_a_name_that_is_a_file_is_never_a_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.json@v1").write_text("{}")
    assert place_of("plan.json@v1") == Place("plan.json@v1", "plan.json@v1")
    assert place_of("plan.json@v2") == Place("plan.json@v2", "plan.json", "v2")
    assert place_of("a@b/plan.json@HEAD~1").revision == "HEAD~1"
    assert place_of("main:x/plan.json") == Place("main:x/plan.json", "x/plan.json", "main", True)
    for name in ("plan.json@", "@v1", ":plan.json", "plan.json@--output=x"):
        with pytest.raises(CommandError, match="PATH@REVISION"):
            place_of(name)


BROKEN: list[tuple[Callable[[Json], object], str]] = [
    (lambda p: p.pop("mesh"), "`mesh` is missing"),
    (lambda p: p.update(step_time_s=True), "`step_time_s` is not a number"),
    (lambda p: p["memory"].pop(), "`memory` has not one entry for every stage"),
    (lambda p: p["pipeline"]["fused"].pop(), "`pipeline.fused` has not one entry"),
    (lambda p: p["pipeline"]["stages"].reverse(), "`pipeline.stages` are not numbered from 0"),
    (lambda p: p["pipeline"]["schedule"][3].update(chunk=1), "names chunk 1 of stage"),
    (lambda p: p["pipeline"]["schedule"][3].update(device=7), "names chunk 0 of stage 7"),
    (lambda p: p["operators"].update(x=[]), "`operators.x` is not an object"),
    (lambda p: p.update(pins={}), "`pins` is not a list"),
    (lambda p: p.update(outcome={"plan": "none"}), "`outcome.stopped` is missing"),
    (lambda p: p.update(format="mmp-eval/1"), 'its `format` is "mmp-eval/1", not "mmp-plan/1"'),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_what_is_no_plan_is_refused_by_name(
    plan: Json, change: Callable[[Json], object], message: str, tmp_path: Path
) -> None:
    change(plan)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan))
    with pytest.raises(CommandError, match=re.escape(message)) as refused:
        read_plan(place_of(str(path)))
    assert refused.value.code is ExitCode.REJECTED
    assert str(path) in str(refused.value)


def test_numbers_that_json_has_not_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"format": NaN}')
    with pytest.raises(CommandError, match="NaN is no JSON number"):
        read_plan(place_of(str(path)))


@pytest.mark.parametrize("name", NAMES)
def test_every_sort_of_plan_is_compared_with_every_other(name: str) -> None:
    _, mine = sort_of_plan(name)
    for other in NAMES:
        _, theirs = sort_of_plan(other)
        found = compare(mine, theirs)
        assert (found == ()) == (name == other)
        assert all(one.text and one.subject for one in found)
        back = compare(theirs, mine)
        assert {(one.section, one.subject) for one in found if one.section != "order"} == {
            (one.section, one.subject) for one in back if one.section != "order"
        }
