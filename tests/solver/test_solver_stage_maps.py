"""Layers and recomputation under a fixed schedule: proved, and equal to trying every stage map."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest

from dsl.load import load
from tests.solver.solving import plan

SPEC = """language 1
import hardware.abstract (worker)

model measured(layers: int, batch: int) {{
  batch index b = batch
  input samples[b]
  op head(samples) -> first {{ forward 7 us  backward 11 us  params 900 MiB }}
  x = first
  repeat layers as layers {{
    op layer(x) -> y {{
      forward 10 us
      backward 20 us
      params 100 MiB
      saved 60 MiB
      recompute {{ forward 10 us  saved 5 MiB }}
    }}
    x = y
  }}
  op tail(x) -> last {{ forward 9 us  backward 13 us  params 200 MiB }}
  output last
}}

mesh ring = worker[rank: {stages}]
model net = measured(layers: {layers}, batch: {microbatches})
train {{
  microbatches {microbatches}
  pipeline {stages} stages one_f_one_b
  recompute auto
  transfer 3 us
}}
limit memory <= {room} MiB per device
minimize step_time
"""
STAGES, LAYERS, MICROBATCHES = 3, 10, 5


@pytest.mark.parametrize("room", [1600, 1100, 950])
def test_the_proved_optimum_is_that_of_all_stage_maps(tmp_path: Path, room: int) -> None:
    path = tmp_path / "spec.mmp"
    sizes = {"stages": STAGES, "layers": LAYERS, "microbatches": MICROBATCHES}
    path.write_text(SPEC.format(room=room, **sizes))
    best = _least(room)
    found = plan(load(path))
    if math.isinf(best):
        assert found["outcome"] == {"stopped": "proved", "plan": "none"}
        return
    assert found["outcome"]["plan"] == "optimal"
    assert found["objective"]["value"] == pytest.approx(best * 1e-6)
    assert found["objective"]["bound"] <= best * 1e-6 * (1 + 1e-9)


def _least(room: int) -> float:
    """The least step time, microseconds, over all stage maps and numbers of recomputed layers."""
    best = math.inf
    for a, b in itertools.combinations(range(LAYERS + 3), 2):
        # Units 0 (head), 1..LAYERS, LAYERS + 1 (tail); stages are [0, a), [a, b), [b, end).
        units = [range(a), range(a, b), range(b, LAYERS + 2)]
        if not all(units):
            continue
        layers = [sum(0 < u <= LAYERS for u in here) for here in units]
        for again in itertools.product(*(range(n + 1) for n in layers)):
            best = min(best, _step(units, layers, again, room))
    return best


def _step(units: list[range], layers: list[int], again: tuple[int, ...], room: int) -> float:
    forward, backward = [], []
    for s, here in enumerate(units):
        head, tail = 0 in here, LAYERS + 1 in here
        fixed = 100 * layers[s] + 900 * head + 200 * tail
        held = 60 * (layers[s] - again[s]) + 5 * again[s]
        if fixed + min(MICROBATCHES, STAGES - s) * held > room:
            return math.inf
        forward.append(10 * layers[s] + 7 * head + 9 * tail)
        backward.append(20 * layers[s] + 10 * again[s] + 11 * head + 13 * tail)
    return _one_f_one_b(forward, backward)


def _one_f_one_b(forward: list[float], backward: list[float]) -> float:
    """The makespan of 1F1B with transfers of 3 us."""
    ends: dict[tuple[str, int, int], float] = {}
    rows: list[list[tuple[str, int]]] = []
    for s in range(STAGES):
        ahead = min(MICROBATCHES, STAGES - s)
        row = [("F", m) for m in range(ahead)]
        for m in range(MICROBATCHES):
            row.append(("B", m))
            if m + ahead < MICROBATCHES:
                row.append(("F", m + ahead))
        rows.append(row)
    free = [0.0] * STAGES
    while any(rows):
        for s, row in enumerate(rows):
            while row:
                phase, m = row[0]
                needed = (phase, s - 1 if phase == "F" else s + 1, m)
                is_border = not 0 <= needed[1] < STAGES
                if not is_border and needed not in ends:
                    break
                arrival = 0.0 if is_border else ends[needed] + 3
                start = max(free[s], arrival)
                free[s] = ends[phase, s, m] = start + (forward if phase == "F" else backward)[s]
                row.pop(0)
    return max(free)
