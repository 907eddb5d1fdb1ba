"""Small specs as users meet them: no folding, so a pin on one layer can only cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.solver.solving import GRAIN, plan
from tests.solver.specs import Draft

UNFOLDED = True
TRAIN = "microbatches 1 pipeline 1 stage recompute auto"
LAYERS = Draft("layers", sizes=(4098, 1024, 2048), gpus=2, train=TRAIN)


def value(draft: Draft) -> float:
    return float(plan(draft.spec())["objective"]["value"])


@pytest.fixture(scope="module")
def tight() -> Draft:
    """A memory limit under which layers want to differ."""
    least = plan(replace(LAYERS, objective="memory").spec())["memory"][0]["peak_bytes"]
    most = plan(LAYERS.spec())["memory"][0]["peak_bytes"]
    limit = int(least + 0.35 * (most - least))
    return replace(LAYERS, statements=(f"limit memory <= {limit} B",))


@pytest.mark.parametrize(
    "pin",
    [
        "forbid net.layers[0].a : b over gpu",
        "pin net.layers[0].a : f over gpu",
        "pin net.layers[1].a : stored over gpu",
        "pin net.layers[0] : no recompute",
    ],
)
def test_a_pin_on_one_layer_is_never_better_than_no_pin(tight: Draft, pin: str) -> None:
    pinned = replace(tight, statements=(*tight.statements, pin))
    assert value(tight) <= value(pinned) * (1 + GRAIN)
