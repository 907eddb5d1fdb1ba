"""The parts of the benchmark of families: hand strategies, their pricing, the table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dsl.load import load
from tests.benchmarks.families_cases import FAMILIES, Family
from tests.benchmarks.families_hand_run import Hands, Priced, price_all
from tests.benchmarks.families_hands import Hand, hands
from tests.benchmarks.families_table import COLUMNS, Row, cells, markdown
from tests.benchmarks.plan_run import Measured

DENSE = FAMILIES[0]
SHOWN = 3  # hand strategies of a family that are resolved: the first, and others across them


def degree(hand: Hand, axis: str) -> int:
    """Devices of a mesh axis of a hand strategy; 1 where it has none."""
    found = re.search(rf"[\[ ]{axis}: (\d+)[,\]]", hand.text)
    return int(found[1]) if found else 1


def test_free_specs_pin_nothing_and_have_their_devices(tmp_path: Path) -> None:
    for family in FAMILIES[::3]:
        path = tmp_path / f"{family.key}.mmp"
        path.write_text(family.spec(), encoding="utf-8")
        spec = load(path)
        assert spec.mesh.devices == family.devices
        assert spec.pins == ()
        assert (spec.train.pipeline.low, spec.train.pipeline.high) == (1, None)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.key)
def test_hand_strategies_are_legal_specs_of_the_same_devices(
    family: Family, tmp_path: Path
) -> None:
    every = list(hands(family))
    assert len({hand.name for hand in every}) == len(every)
    for number, hand in enumerate(every[:: len(every) // SHOWN + 1]):
        path = tmp_path / f"{number}.mmp"
        path.write_text(hand.text, encoding="utf-8")
        spec = load(path)
        assert spec.mesh.devices == family.devices
        assert all(pin.kind in ("hard", "forbid") for pin in spec.pins)


def test_megatron_is_tried_at_every_degree_and_schedule() -> None:
    """32 devices: every way to write 32 as stages x replicas x tensor degree up to 8."""
    tried = {
        (degree(hand, "stage"), degree(hand, "tensor"))
        for hand in hands(DENSE)
        if hand.name.startswith("3D")
    }
    powers = (1, 2, 4, 8, 16, 32)
    assert tried == {(s, t) for s in powers for t in powers[:4] if s * t <= 32}
    four_by_two = [
        hand.text.split("pipeline ")[1].split(" over")[0]
        for hand in hands(DENSE)
        if (degree(hand, "stage"), degree(hand, "tensor")) == (4, 2)
    ]
    assert sorted(four_by_two) == [
        "4 stages 2 chunks interleaved",
        "4 stages 4 chunks interleaved",
        "4 stages one_f_one_b",
    ]


def test_fsdp_and_its_mixed_forms_are_tried() -> None:
    named = {hand.name.split()[0] for hand in hands(DENSE)}
    assert named == {"FSDP", "HSDP", "3D"}
    assert {degree(h, "tensor") for h in hands(DENSE) if h.name.startswith("FSDP")} == {1, 2, 4, 8}


def test_experts_and_long_contexts_get_dimensions_of_their_own() -> None:
    experts = {degree(h, "expert") for f in FAMILIES if f.experts for h in hands(f)}
    assert {1, 8, 64, 256} <= experts
    (long,) = [f for f in FAMILIES if f.seq > 100_000]
    assert {degree(hand, "context") for hand in hands(long)} == {1, 2, 4, 8, 16}


def tiny(pins: str, microbatches: int = 1) -> str:
    """A small model on four devices."""
    return f"""language 1
import hardware.nvidia (h100_sxm)
import models.llama (llama)
import strategies.data_parallel as data
import strategies.zero as zero
mesh pod = h100_sxm[gpu: 4]
model net = llama(layers: 2, d_model: 512, heads: 8, kv_heads: 8, head_dim: 64, ffn: 2048,
    vocab: 4096, batch: 16, seq: 512)
train {{ microbatches {microbatches}  pipeline 1 stage }}
{pins}
"""


def test_the_best_hand_strategy_is_found_and_hopeless_ones_are_given_up() -> None:
    told: list[Priced] = []
    data = "apply data.data_parallel(net, over: gpu)"
    every = [
        Hand("none", tiny("limit memory <= 1 MiB per device")),
        Hand("data", tiny(data)),
        Hand("small", tiny("", microbatches=16)),  # kernels too short for their launch
    ]
    found = price_all(every, 20.0, 1, told.append)
    assert [p.name for p in told] == ["none", "data", "small"]
    assert found.best is not None
    assert (found.best.name, found.text) == ("data", every[1].text)
    assert found.ended == {"proved": 1, "not better": 1, "no plan": 1}


def measured(value: float | None, gap: float | None) -> Measured:
    return Measured(
        32,
        9,
        "limit",
        value,
        1.0,
        gap,
        1.0,
        2.0,
        10.0,
        0.1,
        2**28,
        4 * 10**5,
        value is not None,
        (),
    )


def best(value: float) -> Hands:
    priced = Priced("FSDP", value, None, "planned")
    return Hands(priced, "", {"planned": 1}, (priced,))


@pytest.mark.parametrize(
    ("free", "hand", "target", "better"),
    [
        (measured(1.04, 0.04), best(1.30), "met: 5 % in 10 s", "25.0 %"),
        (measured(1.25, 0.2), best(1.0), "MISSED: 5 % in 10 s", "BUG: -20.0 %"),
        (measured(None, None), best(1.0), "MISSED: 5 % in 10 s", "BUG: no plan"),
    ],
)
def test_table_says_what_was_reached_and_what_is_a_bug(
    free: Measured, hand: Hands, target: str, better: str
) -> None:
    row = dict(zip(COLUMNS, cells(Row(DENSE, free, hand)), strict=True))
    assert (row["target"], row["better by"]) == (target, better)


def test_parts_that_were_not_run_leave_the_table_whole() -> None:
    lines = markdown([Row(DENSE, None, None), Row(DENSE, measured(1.0, 0.0), None)]).splitlines()
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 1}
