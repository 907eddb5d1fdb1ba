"""Compiled loops over `solver.engine.relaxation.arrays`.

In NumPy a sweep over a graph of 5,000 nodes and 17,000 edges takes half a second, most of it the
cost of calls; here it takes 10 ms. All loops release the interpreter's lock.

Arguments are the fields of `Graph` and `Uses`, which numba cannot read as dataclasses.
"""

from __future__ import annotations

import numpy as np

from solver.compiled import compiled
from solver.engine.problem import Floats
from solver.engine.relaxation.arrays import Ints


@compiled
def price_nodes(
    first: Ints,
    owner: Ints,
    start: Ints,
    stop: Ints,
    amounts: Floats,
    amount_at: Ints,
    cumulated: Floats,
    costs: Floats,
) -> None:
    """Add to `costs` the price of every use; `cumulated[p]` is the sum of prices before point p.

    For uses of edges `first` is where an edge's table starts.
    """
    for p in range(len(owner)):
        price = cumulated[stop[p]] - cumulated[start[p]]
        if price != 0.0:
            base = first[owner[p]]
            begin = amount_at[p]
            for k in range(amount_at[p + 1] - begin):
                costs[base + k] += price * amounts[begin + k]


@compiled
def sweep(
    forward: bool,
    first: Ints,
    u: Ints,
    v: Ints,
    rows: Ints,
    columns: Ints,
    table_at: Ints,
    to_u_at: Ints,
    to_v_at: Ints,
    labels_u: Ints,
    labels_u_at: Ints,
    labels_v: Ints,
    labels_v_at: Ints,
    touching: Ints,
    touch_at: Ints,
    share: Floats,
    unary: Floats,
    tables: Floats,
    to_u: Floats,
    to_v: Floats,
    excess: Floats,
) -> float:
    """One pass of TRW-S; what it subtracts to bring every belief and message to a minimum of 0."""
    count = len(first) - 1
    widest = 1
    for e in range(len(u)):
        widest = max(widest, rows[e], columns[e])
    own = np.empty(widest)
    total = 0.0
    for step in range(count):
        i = step if forward else count - 1 - step
        base = first[i]
        size = first[i + 1] - base
        belief = excess[base : base + size]
        belief[:] = unary[base : base + size]
        for x in range(touch_at[i], touch_at[i + 1]):
            e = touching[x]
            if u[e] == i:
                for k in range(size):
                    belief[k] += to_u[to_u_at[e] + labels_u[labels_u_at[e] + k]]
            else:
                for k in range(size):
                    belief[k] += to_v[to_v_at[e] + labels_v[labels_v_at[e] + k]]
        least = belief.min()
        total += least
        belief -= least
        for x in range(touch_at[i], touch_at[i + 1]):
            e = touching[x]
            at_u = u[e] == i
            other = v[e] if at_u else u[e]
            if (other > i) != forward:
                continue
            height, width = rows[e], columns[e]
            table = tables[table_at[e] : table_at[e] + height * width]
            here_u = to_u[to_u_at[e] : to_u_at[e] + height]
            here_v = to_v[to_v_at[e] : to_v_at[e] + width]
            own[:] = np.inf
            if at_u:
                for k in range(size):
                    label = labels_u[labels_u_at[e] + k]
                    own[label] = min(own[label], belief[k])
                here_v[:] = np.inf
                for r in range(height):
                    mine = share[i] * own[r] - here_u[r]
                    for c in range(width):
                        here_v[c] = min(here_v[c], mine + table[r * width + c])
                least = here_v.min()
                here_v -= least
            else:
                for k in range(size):
                    label = labels_v[labels_v_at[e] + k]
                    own[label] = min(own[label], belief[k])
                for c in range(width):
                    own[c] = share[i] * own[c] - here_v[c]
                for r in range(height):
                    best = np.inf
                    for c in range(width):
                        best = min(best, own[c] + table[r * width + c])
                    here_u[r] = best
                least = here_u.min()
                here_u -= least
            total += least
    return total


@compiled
def decode(
    first: Ints,
    u: Ints,
    v: Ints,
    columns: Ints,
    table_at: Ints,
    to_u_at: Ints,
    to_v_at: Ints,
    labels_u: Ints,
    labels_u_at: Ints,
    labels_v: Ints,
    labels_v_at: Ints,
    touching: Ints,
    touch_at: Ints,
    unary: Floats,
    tables: Floats,
    to_u: Floats,
    to_v: Floats,
    chosen: Ints,
) -> None:
    """Nodes in order, each given the earlier ones' choices and the later ones' messages."""
    widest = 1
    for i in range(len(first) - 1):
        widest = max(widest, first[i + 1] - first[i])
    costs = np.empty(widest)
    for i in range(len(first) - 1):
        base = first[i]
        size = first[i + 1] - base
        costs[:size] = unary[base : base + size]
        for x in range(touch_at[i], touch_at[i + 1]):
            e = touching[x]
            width = columns[e]
            if u[e] == i:
                other = v[e]
                column = labels_v[labels_v_at[e] + chosen[other]] if other < i else 0
                for k in range(size):
                    label = labels_u[labels_u_at[e] + k]
                    if other < i:
                        costs[k] += tables[table_at[e] + label * width + column]
                    else:
                        costs[k] += to_u[to_u_at[e] + label]
            else:
                other = u[e]
                row = labels_u[labels_u_at[e] + chosen[other]] if other < i else 0
                for k in range(size):
                    label = labels_v[labels_v_at[e] + k]
                    if other < i:
                        costs[k] += tables[table_at[e] + row * width + label]
                    else:
                        costs[k] += to_v[to_v_at[e] + label]
        chosen[i] = np.argmin(costs[:size])


@compiled
def use_of_nodes(
    owner: Ints,
    start: Ints,
    stop: Ints,
    amounts: Floats,
    amount_at: Ints,
    chosen: Ints,
    steps: Floats,
) -> None:
    """Add to `steps` what every use changes at its first point and gives back at its end."""
    for p in range(len(owner)):
        amount = amounts[amount_at[p] + chosen[owner[p]]]
        steps[start[p]] += amount
        steps[stop[p]] -= amount


@compiled
def energy(
    first: Ints,
    u: Ints,
    v: Ints,
    columns: Ints,
    table_at: Ints,
    labels_u: Ints,
    labels_u_at: Ints,
    labels_v: Ints,
    labels_v_at: Ints,
    costs: Floats,
    tables: Floats,
    chosen: Ints,
) -> float:
    """Node and edge costs of a selection."""
    total = 0.0
    for i in range(len(first) - 1):
        total += costs[first[i] + chosen[i]]
    for e in range(len(u)):
        row = labels_u[labels_u_at[e] + chosen[u[e]]]
        column = labels_v[labels_v_at[e] + chosen[v[e]]]
        total += tables[table_at[e] + row * columns[e] + column]
    return total
