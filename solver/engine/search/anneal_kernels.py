"""Compiled loops of annealing (`solver.engine.search.anneal`).

The use of all points is kept in blocks of `BLOCK` with a common addend and a maximum each, so that
adding to an interval, and asking for its maximum, costs about as much as two blocks and a step per
block between.
"""

from __future__ import annotations

import numpy as np

from solver.compiled import compiled
from solver.engine.problem import Floats
from solver.engine.relaxation.arrays import Ints

BLOCK = 64
WIDE = 4096  # nodes that one move may look at


@compiled
def add(room: Floats, shared: Floats, least: Floats, start: int, stop: int, amount: float) -> None:
    """Take `amount` from the room of every point in [start, stop)."""
    for block in range(start // BLOCK, (stop - 1) // BLOCK + 1):
        low = block * BLOCK
        high = min(low + BLOCK, len(room))
        if start <= low and high <= stop:
            shared[block] -= amount
            least[block] -= amount
            continue
        for p in range(max(start, low), min(stop, high)):
            room[p] -= amount
        least[block] = room[low:high].min() + shared[block]


@compiled
def least_room(room: Floats, shared: Floats, least: Floats, start: int, stop: int) -> float:
    """The least room of a point in [start, stop)."""
    found = np.inf
    for block in range(start // BLOCK, (stop - 1) // BLOCK + 1):
        if least[block] >= found:
            continue
        low = block * BLOCK
        high = min(low + BLOCK, len(room))
        if start <= low and high <= stop:
            found = least[block]
        else:
            inside = room[max(start, low) : min(stop, high)].min() + shared[block]
            found = min(found, inside)
    return found


@compiled
def _place(
    node: int,
    old: int,
    new: int,
    start: Ints,
    stop: Ints,
    amounts: Floats,
    amount_at: Ints,
    at: Ints,
    room: Floats,
    shared: Floats,
    least: Floats,
) -> None:
    """Replace the uses of a node's strategy by those of another."""
    for p in range(at[node], at[node + 1]):
        more = amounts[amount_at[p] + new] - amounts[amount_at[p] + old]
        if more != 0.0:
            add(room, shared, least, start[p], stop[p], more)


@compiled
def _fits(
    moved: Ints,
    count: int,
    start: Ints,
    stop: Ints,
    at: Ints,
    room: Floats,
    shared: Floats,
    least: Floats,
    slack: float,
) -> bool:
    """Whether there is room at every point that a moved node uses."""
    for m in range(count):
        node = moved[m]
        for p in range(at[node], at[node + 1]):
            if least_room(room, shared, least, start[p], stop[p]) < -slack:
                return False
    return True


@compiled
def conditional(
    node: int,
    first: Ints,
    u: Ints,
    v: Ints,
    columns: Ints,
    table_at: Ints,
    labels_u: Ints,
    labels_u_at: Ints,
    labels_v: Ints,
    labels_v_at: Ints,
    touching: Ints,
    touch_at: Ints,
    costs: Floats,
    tables: Floats,
    chosen: Ints,
    out: Floats,
) -> None:
    """[strategy] of a node: its cost and that of its edges, everyone else as chosen."""
    base = first[node]
    size = first[node + 1] - base
    out[:size] = costs[base : base + size]
    for x in range(touch_at[node], touch_at[node + 1]):
        e = touching[x]
        width = columns[e]
        if u[e] == node:
            column = table_at[e] + labels_v[labels_v_at[e] + chosen[v[e]]]
            for k in range(size):
                out[k] += tables[column + labels_u[labels_u_at[e] + k] * width]
        else:
            row = table_at[e] + labels_u[labels_u_at[e] + chosen[u[e]]] * width
            for k in range(size):
                out[k] += tables[row + labels_v[labels_v_at[e] + k]]


@compiled
def anneal(
    seed: int,
    moves: int,
    hot: float,
    cold: float,
    most_moved: int,
    first: Ints,
    u: Ints,
    v: Ints,
    columns: Ints,
    table_at: Ints,
    labels_u: Ints,
    labels_u_at: Ints,
    labels_v: Ints,
    labels_v_at: Ints,
    touching: Ints,
    touch_at: Ints,
    costs: Floats,
    tables: Floats,
    start: Ints,
    stop: Ints,
    amounts: Floats,
    amount_at: Ints,
    at: Ints,
    candidates: Ints,
    candidates_at: Ints,
    movable: Ints,
    room: Floats,
    shared: Floats,
    least: Floats,
    slack: float,
    chosen: Ints,
) -> Ints:
    """Anneal `chosen` in place; the best selection met in the colder half is returned.

    A move gives one node another of its candidates, and lets its neighbours, theirs, and so on take
    their best answer, each once, `most_moved` nodes at most. It is kept when the cost allows it at
    the temperature and every point has room.

    One long function, since a call with twenty arrays per move would cost as much as the move.
    """
    np.random.seed(seed)
    count = len(first) - 1
    widest = 1
    for i in range(count):
        widest = max(widest, first[i + 1] - first[i])
    costs_of = np.empty(widest)
    moved = np.empty(most_moved + 1, dtype=np.int64)
    before = np.empty(most_moved + 1, dtype=np.int64)
    queue = np.empty(WIDE, dtype=np.int64)
    stamp = np.zeros(count, dtype=np.int64)
    value, best = 0.0, 0.0
    found = chosen.copy()
    for move in range(moves):
        temperature = hot * (cold / hot) ** (move / moves)
        node = movable[np.random.randint(len(movable))]
        choices = candidates_at[node + 1] - candidates_at[node]
        new = candidates[candidates_at[node] + np.random.randint(choices)]
        if new == chosen[node]:
            continue
        allowed = -temperature * np.log(np.random.random() + 1e-300)
        difference = 0.0
        head, tail, number = 0, 0, 0
        current, target = node, new
        is_cut_short = False
        while True:
            conditional(
                current, first, u, v, columns, table_at, labels_u, labels_u_at, labels_v,
                labels_v_at, touching, touch_at, costs, tables, chosen, costs_of,
            )  # fmt: skip
            if number:
                size = first[current + 1] - first[current]
                target = chosen[current]
                for k in range(size):
                    if costs_of[k] < costs_of[target] - 1e-9:
                        target = k
            if target != chosen[current]:
                if number > most_moved - 1:
                    is_cut_short = True
                    break
                difference += costs_of[target] - costs_of[chosen[current]]
                moved[number], before[number] = current, chosen[current]
                number += 1
                stamp[current] = move + 1
                old = chosen[current]
                chosen[current] = target
                for x in range(touch_at[current], touch_at[current + 1]):
                    e = touching[x]
                    if u[e] == current:
                        other = v[e]
                        at_label = labels_u_at[e]
                        is_same = labels_u[at_label + old] == labels_u[at_label + target]
                    else:
                        other = u[e]
                        at_label = labels_v_at[e]
                        is_same = labels_v[at_label + old] == labels_v[at_label + target]
                    if not is_same and stamp[other] != move + 1 and tail < WIDE:
                        queue[tail] = other
                        tail += 1
            while head < tail and stamp[queue[head]] == move + 1:
                head += 1
            if head == tail:
                break
            current = queue[head]
            head += 1
        is_kept = not is_cut_short and difference <= allowed
        if is_kept:
            for m in range(number):
                _place(
                    moved[m], before[m], chosen[moved[m]], start, stop, amounts, amount_at, at,
                    room, shared, least,
                )  # fmt: skip
            is_kept = _fits(moved, number, start, stop, at, room, shared, least, slack)
            if not is_kept:
                for m in range(number):
                    _place(
                        moved[m], chosen[moved[m]], before[m], start, stop, amounts, amount_at, at,
                        room, shared, least,
                    )  # fmt: skip
        if not is_kept:
            for m in range(number):
                chosen[moved[m]] = before[m]
            continue
        value += difference
        if value < best - 1e-9 and move > moves // 2:
            best = value
            found[:] = chosen
    return found if best < value else chosen
