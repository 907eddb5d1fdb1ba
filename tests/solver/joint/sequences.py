"""The best choices of a run of layers on one stage, free and shared, by dynamic programming."""

from __future__ import annotations

import numpy as np

from tests.solver.joint.choices import Choices, layout_of
from tests.solver.joint.tables import Quantity, price_choices


def best_sequences(choices: Choices) -> tuple[float, float]:
    """The least seconds of a step on one stage where every layer chooses alone, and where layers
    share their choices, by dynamic programming over the verifier's tables: a state holds the
    options of all operators of a layer."""
    tables = price_choices(choices)
    units = choices.units
    m = choices.microbatches
    work = [Quantity.F, Quantity.B, Quantity.W]
    names = [unit.operators for unit in units]

    def states(u: int) -> list[dict[str, int]]:
        found: list[dict[str, int]] = [{}]
        nodes = [n for n in choices.nodes if n in names[u] or _hub_of(choices, n) == units[u].name]
        for node in nodes:
            found = [{**x, node: i} for x in found for i in range(choices.options(node))]
        return found

    def own(state: dict[str, int]) -> float:
        total = sum(float(tables.unary[n][i][:, work].sum()) for n, i in state.items())
        for (a, b), table in tables.pairs.items():
            if a in state and b in state:
                total += float(table[state[a], state[b]][:, work].sum())
        seconds = m * total
        for name, rows in tables.storages.items():
            reader = choices.reader(name).name
            if reader in state:
                seconds += min(m * sum(x.seconds) + x.tail for x in rows[state[reader]])
        return seconds

    def between(one: dict[str, int], other: dict[str, int]) -> float:
        total = 0.0
        for (a, b), table in tables.pairs.items():
            for x, y in ((one, other), (other, one)):
                if a in x and b in y:
                    total += float(table[x[a], y[b]][:, work].sum())
        return m * total

    rows = [states(u) for u in range(len(units))]
    costs = [np.array([own(state) for state in row]) for row in rows]
    moves = [
        np.array([[between(x, y) for y in rows[u + 1]] for x in rows[u]])
        for u in range(len(units) - 1)
    ]
    constant = m * float(tables.constant[:, work].sum())
    free = costs[0]
    for u, move in enumerate(moves):
        free = (free[:, None] + move).min(axis=0) + costs[u + 1]
    shared = costs[0][:, None] + moves[0] + costs[1]
    layers = np.arange(len(rows[1]))
    if len(units) > 2:
        stay = sum(moves[u][layers, layers] + costs[u + 1] for u in range(1, len(moves)))
        shared = shared + stay
    return constant + float(free.min()), constant + float(shared.min())


def _hub_of(choices: Choices, node: str) -> str | None:
    """The unit of the first reader of a shared tensor."""
    for name in choices.space.wiring.shared:
        if node == layout_of(name):
            return choices.space.wiring.readers[name][0].operator.unit
    return None
