"""Check a solution document against its instance, read anew, in plain Python.

Violation codes: `field-*` (JSON), `format`, `outcome`; `length`, `strategy`, `forbidden`;
`memory-limit`, `memory-figure`; `pin-list`, `pin-broken`, `pin-figure`; `objective`, `bound`,
`gap`. Whole numbers are compared exactly, others up to a relative 1e-9. Only the document is taken
for untrusted: the instance must be one that `mmp` reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from solver import json_text
from solver.verify.fields import Fields
from solver.verify.objective import PLANS, STOPPED
from solver.verify.report import Report, Violation

FORMAT = "mmp-sharding/1"
FORBIDDEN = 1e18
ROUNDING = 1e-9

Json = dict[str, Any]
Number = int | float


def verify(document: Json, data: bytes) -> Report:
    """Recompute every figure of a solution document from the text of its instance.

    Never raises for what is in the document. A report ends with what makes later checks
    meaningless: malformed fields, strategies that are none, a forbidden choice.
    """
    found: list[Violation] = []
    fields = Fields(document, "", found)
    if fields.text("format") != FORMAT:
        found.append(Violation("format", f"the format must be {FORMAT}", "format"))
    elif fields.nested("outcome").text("plan") == "none":
        found.append(Violation("outcome", "the document holds no plan", "outcome.plan"))
    if found:
        return Report(tuple(found), None)
    claims = _read(fields)
    problem: Json = json_text.loads(data.decode("utf-8-sig"))["problem"]
    if not found:
        found.extend(_legal(claims, problem))
    if not found:
        found.extend(_figures(claims, problem))
    return Report(tuple(found), None)


# ---- what the document says ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pin:
    text: str
    kind: str
    satisfied: bool
    weight: float | None
    paid: float


@dataclass(frozen=True, slots=True)
class _Claims:
    stopped: str
    plan: str
    value: float
    bound: float | None
    gap: float | None
    peak: float
    at: float | None
    limit: float | None
    paid: float
    pins: tuple[_Pin, ...]
    solution: tuple[int, ...]


def _read(fields: Fields) -> _Claims:
    outcome, objective = fields.nested("outcome"), fields.nested("objective")
    memory = fields.nested("memory")
    return _Claims(
        outcome.text("stopped"),
        outcome.text("plan"),
        objective.number("value"),
        objective.number_or_null("bound"),
        objective.number_or_null("gap"),
        memory.number("peak"),
        memory.number_or_null("at"),
        memory.number_or_null("limit"),
        memory.number("paid"),
        tuple(_read_pin(pin) for pin in fields.nested_list("pins")),
        fields.integers("solution"),
    )


def _read_pin(fields: Fields) -> _Pin:
    return _Pin(
        fields.text("text"),
        fields.text("kind"),
        fields.boolean("satisfied"),
        fields.number_or_null("weight"),
        fields.number("paid"),
    )


# ---- strategies ----------------------------------------------------------------------------


def _legal(claims: _Claims, problem: Json) -> Iterator[Violation]:
    """One strategy per node that it has, and nothing forbidden."""
    costs, solution = problem["nodes"]["costs"], claims.solution
    if len(solution) != len(costs):
        message = f"{len(solution)} strategies for {len(costs)} nodes"
        yield Violation("length", message, "solution")
        return
    is_legal = True
    for node, (strategy, own) in enumerate(zip(solution, costs, strict=True)):
        if not 0 <= strategy < len(own):
            is_legal = False
            message = f"node {node} has the strategies 0 to {len(own) - 1}, not {strategy}"
            yield Violation("strategy", message, f"solution[{node}]")
        elif own[strategy] >= FORBIDDEN:
            message = f"strategy {strategy} of node {node} is forbidden"
            yield Violation("forbidden", message, f"solution[{node}]")
    if is_legal:
        for edge, cost in enumerate(_edge_costs(problem, solution)):
            if cost >= FORBIDDEN:
                u, v = map(int, problem["edges"]["nodes"][edge])
                message = f"edge {edge} forbids strategies {solution[u]} and {solution[v]}"
                yield Violation("forbidden", f"{message} of nodes {u} and {v}", "solution")


def _edge_costs(problem: Json, solution: tuple[int, ...]) -> Iterator[Number]:
    sizes = [len(own) for own in problem["nodes"]["costs"]]
    edges = problem["edges"]
    for (first, second), table in zip(edges["nodes"], edges["costs"], strict=True):
        u, v = int(first), int(second)
        yield table[solution[u] * sizes[v] + solution[v]]


# ---- figures -------------------------------------------------------------------------------


def _figures(claims: _Claims, problem: Json) -> Iterator[Violation]:
    """Memory, pins and objective of legal strategies."""
    peak, at = _peak(problem, claims.solution)
    limit, price = problem.get("usage_limit"), problem.get("usage_price")
    over = 0 if limit is None else max(0, peak - limit)
    if limit is not None and price is None and over > 0 and not _equal(peak, limit):
        message = f"the nodes alive at time {at} take {peak}, the limit is {limit}"
        yield Violation("memory-limit", message, "memory")
    paid = 0 if price is None else price * over
    yield from _differs("memory-figure", "memory.peak", claims.peak, peak)
    yield from _differs("memory-figure", "memory.at", claims.at, at)
    yield from _differs("memory-figure", "memory.limit", claims.limit, limit)
    yield from _differs("memory-figure", "memory.paid", claims.paid, paid)
    pins = problem.get("pins", [])
    broken = [_is_broken(pin, claims.solution) for pin in pins]
    yield from _pins(claims.pins, pins, broken)
    weights = [pin.get("weight", 0) for pin, is_paid in zip(pins, broken, strict=True) if is_paid]
    costs = problem["nodes"]["costs"]
    own = [row[strategy] for row, strategy in zip(costs, claims.solution, strict=True)]
    value = _sum([*own, *_edge_costs(problem, claims.solution), *weights, paid])
    yield from _differs("objective", "objective.value", claims.value, value)
    yield from _bound(claims)
    yield from _outcome(claims)


def _peak(problem: Json, solution: tuple[int, ...]) -> tuple[Number, int | None]:
    """The largest use of memory, and the first time at which it is met."""
    nodes = problem["nodes"]
    steps: dict[int, Number] = {}
    for (start, end), usages, strategy in zip(
        nodes["intervals"], nodes["usages"], solution, strict=True
    ):
        if start < end:
            amount = _exact(usages[strategy])
            steps[int(start)] = steps.get(int(start), 0) + amount
            steps[int(end)] = steps.get(int(end), 0) - amount
    times = sorted(steps)
    used = list(accumulate(steps[time] for time in times))
    if not used:
        return 0, None
    peak = max(used)
    slack = 0 if all(isinstance(step, int) for step in steps.values()) else ROUNDING * peak
    return peak, next(t for t, use in zip(times, used, strict=True) if use >= peak - slack)


def _is_broken(pin: Json, solution: tuple[int, ...]) -> bool:
    return any(solution[int(node)] not in allowed for node, allowed in pin["nodes"])


def _pins(claims: tuple[_Pin, ...], pins: list[Json], broken: list[bool]) -> Iterator[Violation]:
    """Every pin is listed and billed; those without a weight hold."""
    if [claim.text for claim in claims] != [pin["name"] for pin in pins]:
        message = "these are not the names of the instance's pins, in order"
        yield Violation("pin-list", message, "pins")
        return
    for place, (claim, pin, is_broken) in enumerate(zip(claims, pins, broken, strict=True)):
        where = f"pins[{place}]"
        weight = pin.get("weight")
        if is_broken and weight is None:
            yield Violation("pin-broken", f"the pin `{claim.text}` does not hold", where)
        paid = weight if is_broken and weight is not None else 0
        kind = "hard" if weight is None else "soft"
        if claim.kind != kind:
            yield Violation("pin-figure", f"this pin is {kind}", f"{where}.kind")
        if claim.satisfied == is_broken:
            message = f"this pin {'does not hold' if is_broken else 'holds'}"
            yield Violation("pin-figure", message, f"{where}.satisfied")
        yield from _differs("pin-figure", f"{where}.weight", claim.weight, weight)
        yield from _differs("pin-figure", f"{where}.paid", claim.paid, paid)


def _bound(claims: _Claims) -> Iterator[Violation]:
    """The bound is not above the value, and the gap is the distance between them."""
    value, bound = claims.value, claims.bound
    gap: float | None = None
    if bound is not None and bound > value:
        yield Violation("bound", f"the bound {_show(bound)} is above the value", "objective.bound")
    if bound == value:
        gap = 0
    elif bound is not None and value != 0:
        gap = (value - bound) / abs(value)
    yield from _differs("gap", "objective.gap", claims.gap, gap)


def _outcome(claims: _Claims) -> Iterator[Violation]:
    """Known words; a search that proved its plan optimal has closed the gap, and no other."""
    if claims.stopped not in STOPPED:
        yield Violation("outcome", f"it is one of {', '.join(STOPPED)}", "outcome.stopped")
    if claims.plan not in PLANS:
        yield Violation("outcome", "it is optimal or feasible", "outcome.plan")
    if (claims.plan == "optimal") != (claims.stopped == "proved"):
        yield Violation("outcome", "optimal means proved, and proved optimal", "outcome.plan")
    if claims.plan == "optimal" and claims.bound != claims.value:
        yield Violation("outcome", "optimal means that the bound is the value", "outcome.plan")


# ---- numbers -------------------------------------------------------------------------------


def _exact(value: Number) -> Number:
    """`3.0` as 3: whole numbers add up exactly."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sum(values: Iterable[Number]) -> Number:
    exact = [_exact(value) for value in values]
    if all(isinstance(value, int) for value in exact):
        return sum(exact)
    return math.fsum(exact)


def _equal(one: Number, other: Number) -> bool:
    one, other = _exact(one), _exact(other)
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=1e-12)


def _differs(
    code: str, where: str, claimed: Number | None, computed: Number | None
) -> Iterator[Violation]:
    if claimed is None or computed is None:
        is_same = claimed is computed
    else:
        is_same = _equal(claimed, computed)
    if not is_same:
        message = f"the document says {_show(claimed)}, recomputed {_show(computed)}"
        yield Violation(code, message, where)


def _show(value: Number | None) -> str:
    return "null" if value is None else repr(_exact(value))
