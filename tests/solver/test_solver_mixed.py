"""Meshes of two kinds of devices: exhaustive search, equal kinds, faster and smaller ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from dsl.spec import SubAxis
from solver.space.mesh import splits
from solver.verify.kinds import kinds_of_stages
from tests.solver.brute import optimum
from tests.solver.cases import SHARES, memory_limit
from tests.solver.solving import GRAIN, plan
from tests.solver.specs import BODIES, Draft, drafts, is_small, parsed
from tests.solver.test_solver_brute_force import agrees

QUICK = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
DEEP = settings(QUICK, max_examples=200)
TRAIN = "microbatches 1..2 pipeline 1..2 stages recompute auto"
SECONDS = st.tuples(
    st.sampled_from((1, 20, 400)),
    st.sampled_from((1, 30, 600)),
    st.sampled_from((0, 5, 100)),
    st.sampled_from((16384, 16384, 120, 70, 40)),
)


@st.composite
def mixed(draw: st.DrawFn, objectives: tuple[str, ...] = ("step_time", "memory")) -> Draft:
    """A spec of two kinds of devices, maybe with a memory limit, small enough for brute force.

    Not for the least memory of `zb_h1`, which the search may miss in pipelines.
    """
    draft = replace(
        draw(drafts(200)),
        gpus=draw(st.sampled_from((2, 2, 3, 4))),
        second=draw(SECONDS),
        objective=draw(st.sampled_from(objectives)),
    )
    stages = "1..3 stages" if draft.gpus == 3 else "1..2 stages"
    train = draft.train.replace("1..2 stages", stages).replace("1 stage ", f"{stages} ")
    draft = replace(draft, train=train)
    assume("zb_h1" not in draft.train or draft.objective == "step_time")
    assume(is_small(draft.spec(), 200))
    return replace(draft, statements=memory_limit(draft, draw(st.sampled_from(SHARES))))


@pytest.mark.parametrize("body", sorted(BODIES))
@pytest.mark.parametrize("objective", ["step_time", "memory"])
def test_every_body_agrees_with_brute_force(body: str, objective: str) -> None:
    sizes = (4098, 1024, 2049)
    agrees(Draft(body, sizes, train=TRAIN, objective=objective, second=(30, 5, 20, 8192)))


@QUICK
@given(mixed())
def test_mixed_meshes_agree_with_brute_force(draft: Draft) -> None:
    agrees(draft, is_proved=draft.gpus != 3)


@pytest.mark.slow
@DEEP
@given(mixed())
def test_many_mixed_meshes_agree_with_brute_force(draft: Draft) -> None:
    agrees(draft, is_proved=draft.gpus != 3)


def test_no_stage_has_devices_of_two_kinds() -> None:
    """With one layer there is no plan; nobody's pin is to blame."""
    draft = Draft("product", train="microbatches 1", second=(30, 5, 20, 8192))
    document = plan(draft.spec())
    assert document["outcome"] == {"stopped": "proved", "plan": "none"}
    assert (document["conflict"], document["relaxations"]) == ([], [])
    assert optimum(draft.spec()) is None


@pytest.mark.parametrize("body", ["layers", "residual", "tied"])
@pytest.mark.parametrize("gpus", [2, 4])
def test_two_equal_kinds_are_one(body: str, gpus: int) -> None:
    """The same figures under another name change nothing where stages are what they differ by."""
    train = "microbatches 1..2 pipeline 2 stages recompute auto"
    alone = Draft(body, (4100, 1024, 2050), gpus=gpus, train=train)
    one = plan(alone.spec())
    two = plan(
        replace(alone, second=(alone.teraflops, alone.gigabytes, alone.latency, 16384)).spec()
    )
    for figure in ("step_time_s", "objective", "operators", "parameters", "memory"):
        assert _rounded(one[figure]) == _rounded(two[figure])


def _rounded(value: Any) -> Any:
    """A part of a document whose numbers are rounded to twelve digits."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


@pytest.mark.parametrize("body", ["layers", "branches"])
def test_faster_devices_never_make_the_best_plan_worse(body: str) -> None:
    values = []
    for second in (
        (1, 1, 100, 8192),
        (20, 1, 100, 8192),
        (20, 30, 100, 8192),
        (400, 600, 0, 16384),
    ):
        draft = Draft(body, (4100, 1024, 2050), train=TRAIN, second=second)
        values.append(plan(draft.spec())["objective"]["value"])
    assert all(after <= before * (1 + GRAIN) for before, after in pairwise(values))
    assert values[-1] < 0.5 * values[0]


def test_the_fast_devices_get_more_layers() -> None:
    body = "layers"
    train = "microbatches 1..4 pipeline 2 stages recompute none"
    draft = Draft(body, (4100, 1024, 2050), train=train, second=(1, 20, 3, 8192))
    stages = plan(draft.spec())["pipeline"]["stages"]
    assert [len(stage["units"]) for stage in stages] == [2, 1]
    flipped = replace(draft, teraflops=1, second=(100, 20, 3, 8192))
    stages = plan(flipped.spec())["pipeline"]["stages"]
    assert [len(stage["units"]) for stage in stages] == [1, 2]


@pytest.mark.xfail(strict=True, reason="the search ends with nothing left to try and no proof")
def test_no_plan_for_a_tiny_second_device_is_proved() -> None:
    train = "microbatches 2 pipeline 1..2 stages zb_h1 recompute auto"
    sizes = (514, 1024, 2050)
    draft = Draft("tied", sizes, 2, 20, 30, 5, train, second=(1, 30, 0, 40))
    assert optimum(draft.spec()) is None
    assert plan(draft.spec())["outcome"]["stopped"] == "proved"


def test_a_small_device_gets_what_fits() -> None:
    """The second kind is faster, but may have room for one layer only, or for none."""
    train = "microbatches 1 pipeline 2 stages recompute none"
    draft = Draft("layers", (514, 1024, 2050), train=train, second=(200, 20, 3, 16384))
    found = {}
    for memory in (16384, 100, 60):
        document = plan(replace(draft, second=(200, 20, 3, memory)).spec())
        found[memory] = [
            len(s["units"]) for s in document.get("pipeline", {"stages": []})["stages"]
        ]
        limits = [row["limit_bytes"] / 2**20 for row in document.get("memory", [])]
        assert limits in ([16384, memory], [])
    assert found == {16384: [1, 2], 100: [2, 1], 60: []}


@pytest.mark.parametrize(
    "axis",
    [
        "2 of toy + 2 of other",
        "1 of toy + 3 of other",
        "1 of toy + 1 of other + 1 of toy + 1 of other",
        "4 of toy + 8 of other",
        "6 of toy + 2 of other + 4 of toy",
        "8 of other + 8 of toy",
    ],
)
def test_splits_are_all_that_tell_the_kinds_apart(axis: str) -> None:
    """Every legal set of sub-axes is there, or one with the same kinds on the same stages and
    sub-axes that are alike."""
    text = Draft("layers", (4096, 1024, 2048), train="", second=(1, 1, 1, 1)).text()
    lines = [line for line in text.split("\n") if not line.startswith("mesh")]
    body = "\n".join(lines).replace("repeat 2", "repeat 96")
    spec = parsed(body + f"\nmesh pod = [node: {axis}, gpu: 4]\n")
    found = {(split.kinds, _alike(split.pipeline)) for split in splits(spec, frozenset())}
    wanted = set()
    for count in range(len(spec.mesh.parts) + 1):
        for chosen in combinations(spec.mesh.parts, count):
            kinds = kinds_of_stages(spec.mesh, chosen)
            if all(len(of_stage) == 1 for of_stage in kinds) and len(kinds) <= 97:
                wanted.add((tuple(min(of_stage) for of_stage in kinds), _alike(chosen)))
    assert found == wanted


def _alike(parts: tuple[SubAxis, ...]) -> tuple[tuple[str, int], ...]:
    return tuple((part.axis, part.size) for part in parts)
