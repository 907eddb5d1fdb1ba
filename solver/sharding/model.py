"""The CP-SAT model of the sharding choice for one pattern of stages.

Variables: one boolean per strategy of every node (exactly one holds), one per storage option of
every parameter given the label of its node, one per pair of labels of every edge (row and
column sums equal to the labels' booleans, which makes the relaxation tight), one per soft pin.
Constraints: per stage, time at most the makespan and bytes at most the capacity; a soft pin is
broken as soon as one breaking strategy is chosen. Objective: makespan plus weights of broken
pins. Times are rounded down to ticks, so that the bound holds for the real times; bytes are
rounded to the nearest KiB up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import COUNT, Quantity
from solver.cpsat import Answer, Limits, Linear, run
from solver.sharding.energy import Domain
from solver.sharding.problem import Labels, Selection, ShardingProblem
from solver.sharding.terms import Cut, CutPart, StageTerms
from solver.space.pins import PinMasks
from solver.stages.pattern import PARTS

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

KIB = 1024.0
FRACTIONS = 1024  # of a tick, in which cuts compare durations


@dataclass(frozen=True, slots=True)
class ModelResult:
    """A selection and a lower bound on makespan plus penalties over the domain (seconds)."""

    status: str
    selection: Selection | None
    bound: float


@dataclass
class _Terms:
    """A linear expression with float coefficients, one row of factors per stage."""

    variables: list[cp_model.IntVar] = field(default_factory=list)
    columns: list[Floats] = field(default_factory=list)  # [quantity-weighted stage values]

    def add(self, variable: cp_model.IntVar, column: Floats) -> None:
        if np.any(column):
            self.variables.append(variable)
            self.columns.append(column)


class ShardingModel:
    """Builds and solves the model; one instance per solve."""

    def __init__(
        self,
        problem: ShardingProblem,
        terms: StageTerms,
        domain: Domain,
        pins: Sequence[PinMasks],
        tick: float,
        minimize_memory: bool = False,
    ) -> None:
        from ortools.sat.python import cp_model

        self.problem, self.terms, self.domain, self.pins = problem, terms, domain, pins
        self.tick, self.minimize_memory = tick, minimize_memory
        self.model = cp_model.CpModel()
        self.kept = [np.flatnonzero(mask) for mask in domain.nodes]
        self.time, self.bytes = _Terms(), _Terms()
        self.charges: list[tuple[cp_model.IntVar, int, int, Floats]] = []
        self.held_charges: list[tuple[cp_model.IntVar, int, Floats]] = []
        self.x: list[dict[int, cp_model.IntVar]] = []
        self.pairs: dict[int, list[tuple[cp_model.IntVar, Floats]]] = {}
        self._add_nodes()
        self._add_stores()
        self._add_edges()
        self.broken = self._add_pins()
        self.makespan = self._add_stages()

    # ---- variables -------------------------------------------------------------------------

    def _charge(self, variable: cp_model.IntVar, unit_class: int, part: int, q: Floats) -> None:
        """Add a column of quantities, [quantity], times the stage factors."""
        if q.any():
            self.charges.append((variable, unit_class, part, q))
        self.time.add(variable, self.terms.time[:, unit_class, part] @ q)
        self.bytes.add(variable, self.terms.memory[:, unit_class, part] @ q)

    def _add_nodes(self) -> None:
        for number, node in enumerate(self.problem.nodes):
            kept = [int(k) for k in self.kept[number]]
            literals = {k: self.model.new_bool_var(f"x{number}_{k}") for k in kept}
            self.model.add_exactly_one(literals.values())
            for k, literal in literals.items():
                self._charge(literal, node.unit_class, 0, node.unary[:, k])
            self.x.append(literals)

    def _label_sum(self, node: int, labels: Labels) -> dict[int, Linear]:
        """Per label, the sum of the booleans of its strategies (a literal where it is one)."""
        from ortools.sat.python import cp_model

        members: dict[int, list[cp_model.IntVar]] = {}
        for k, literal in self.x[node].items():
            members.setdefault(int(labels[k]), []).append(literal)
        return {
            label: x[0] if len(x) == 1 else cp_model.LinearExpr.sum(x)
            for label, x in sorted(members.items())
        }

    def _add_stores(self) -> None:
        self.y: list[dict[tuple[int, int], cp_model.IntVar]] = []
        for number, store in enumerate(self.problem.stores):
            unit_class = self.problem.nodes[store.node].unit_class
            chosen: dict[tuple[int, int], cp_model.IntVar] = {}
            for label, total in self._label_sum(store.node, store.labels).items():
                options = np.flatnonzero(self.domain.stores[number][label])
                literals = [self.model.new_bool_var(f"y{number}_{label}_{z}") for z in options]
                self.model.add(sum(literals) == total)
                for z, literal in zip(options, literals, strict=True):
                    chosen[label, int(z)] = literal
                    q = store.costs.table[:, label, z].copy()
                    if not store.per_unit:
                        self._charge_held(literal, number, q)
                        q[[Quantity.STATIC, Quantity.STEP]] = 0.0
                    self._charge(literal, unit_class, 0, q)
            self.y.append(chosen)

    def _charge_held(self, literal: cp_model.IntVar, store: int, q: Floats) -> None:
        self.held_charges.append((literal, store, q.copy()))  # the caller goes on with `q`
        self.time.add(literal, self.terms.held_time[:, store] @ q)
        self.bytes.add(literal, self.terms.held_memory[:, store] @ q)

    def _add_edges(self) -> None:
        for number, edge in enumerate(self.problem.edges):
            unit_class, part = edge.group.unit_class, PARTS[edge.group.part]
            if edge.u == edge.v:
                for k, literal in self.x[edge.u].items():
                    q = edge.column(edge.labels_u[k], edge.labels_v[k])
                    if np.isinf(q).any():
                        self.model.add(literal == 0)
                    else:
                        self._charge(literal, unit_class, part, q)
                        self.pairs.setdefault(number, []).append((literal, q))
                continue
            rows = self._label_sum(edge.u, edge.labels_u)
            columns = self._label_sum(edge.v, edge.labels_v)
            cells = np.zeros((COUNT, len(rows), len(columns)))
            cells[list(edge.layers)] = edge.table[:, list(rows)][:, :, list(columns)]
            if not cells.any():
                continue
            self._add_pairs(number, rows, columns, cells, unit_class, part)

    def _add_pairs(
        self,
        number: int,
        rows: dict[int, Linear],
        columns: dict[int, Linear],
        cells: Floats,
        unit_class: int,
        part: int,
    ) -> None:
        legal = np.asarray(np.isfinite(cells).all(axis=0))

        def literals(cells_: Iterable[cp_model.IntVar | None]) -> list[Linear]:
            return [v for v in cells_ if v is not None]

        grid = [
            [
                self.model.new_bool_var(f"p{number}_{i}_{j}") if legal[i, j] else None
                for j in range(len(columns))
            ]
            for i in range(len(rows))
        ]
        for row, total in zip(grid, rows.values(), strict=True):
            self.model.add(sum(literals(row)) == total)
        for column, total in zip(zip(*grid, strict=True), columns.values(), strict=True):
            self.model.add(sum(literals(column)) == total)
        for i, row in enumerate(grid):
            for j, literal in enumerate(row):
                if literal is not None:
                    self._charge(literal, unit_class, part, cells[:, i, j])
                    self.pairs.setdefault(number, []).append((literal, cells[:, i, j]))

    # ---- constraints -----------------------------------------------------------------------

    def _add_pins(self) -> list[tuple[cp_model.IntVar, float]]:
        """Soft pins; hard ones have already shrunk the domain."""
        broken = []
        for number, pin in enumerate(self.pins):
            if pin.is_hard:
                continue
            weight = pin.pin.weight
            assert weight is not None
            literal = self.model.new_bool_var(f"broken{number}")
            for node, breaks in pin.nodes.items():
                bad = [x for k, x in self.x[node].items() if breaks[k]]
                self.model.add(sum(bad) <= literal)
            for store, breaks in pin.stores.items():
                bad = [y for (label, z), y in self.y[store].items() if breaks[label, z]]
                self.model.add(sum(bad) <= literal)
            broken.append((literal, weight))
        return broken

    def _add_stages(self) -> cp_model.IntVar:
        from ortools.sat.python import cp_model

        rows, stages = len(self.terms.time), len(self.terms.memory)
        time = np.array(self.time.columns).reshape(-1, rows)
        data = np.array(self.bytes.columns).reshape(-1, stages)
        makespan = self.model.new_int_var(0, 2**48, "makespan")
        peak = self.model.new_int_var(0, 2**50, "peak")
        for row in range(rows):
            ticks = np.floor(time[:, row] / self.tick + 1e-9).astype(np.int64)
            self.model.add(
                cp_model.LinearExpr.weighted_sum(self.time.variables, ticks.tolist()) <= makespan
            )
        limited = np.isfinite(self.terms.capacity) or self.minimize_memory
        for s in range(stages if limited else 0):
            kib = np.ceil(data[:, s] / KIB - 1e-9).astype(np.int64)
            total = cp_model.LinearExpr.weighted_sum(self.bytes.variables, kib.tolist())
            total = total + self._buffers(s)
            if np.isfinite(self.terms.capacity):
                self.model.add(total <= int(self.terms.capacity // KIB))
            self.model.add(total <= peak)
        if self.minimize_memory:
            penalties = [(v, round(w / KIB)) for v, w in self.broken]
            self.model.minimize(peak + sum(w * v for v, w in penalties))
        else:
            penalties = [(v, int(w / self.tick)) for v, w in self.broken]
            self.model.minimize(makespan + sum(w * v for v, w in penalties))
        return makespan

    def _buffers(self, stage: int) -> Linear:
        """Working memory, two units' gathered parameters and one recomputed unit, in KiB."""
        present = self.terms.counts.units[stage, :, 0] > 0
        working = self.model.new_int_var(0, 2**40, f"working{stage}")
        for number, node in enumerate(self.problem.nodes):
            if present[node.unit_class] and node.working.any():
                kib = {k: int(np.ceil(node.working[k] / KIB)) for k in self.x[number]}
                self.model.add(sum(kib[k] * x for k, x in self.x[number].items()) <= working)
        gathered = self.model.new_int_var(0, 2**40, f"gathered{stage}")
        per_class: dict[int, list[Linear]] = {}
        for number, store in enumerate(self.problem.stores):
            c = self.problem.nodes[store.node].unit_class
            if not present[c]:
                continue
            for (label, z), literal in self.y[number].items():
                kib_gathered = int(np.ceil(store.costs.gathered[label, z] / KIB))
                if kib_gathered:
                    per_class.setdefault(c, []).append(kib_gathered * literal)
        for terms in per_class.values():
            self.model.add(sum(terms) <= gathered)
        return working + 2 * gathered + self._recomputed(stage)

    def _recomputed(self, stage: int) -> Linear:
        again = self.terms.counts.again[stage]
        if not again.any():
            return 0
        most = self.model.new_int_var(0, 2**40, f"recomputed{stage}")
        saved = [Quantity.SAVED_B, Quantity.SAVED_W]
        for c in np.flatnonzero(again[:, 0]):
            for part in ("first", "rest"):
                if not again[c, PARTS[part]]:
                    continue
                terms = []
                for variable, amount in self._saved_of(int(c), part, saved):
                    terms.append(int(np.ceil(amount / KIB)) * variable)
                self.model.add(sum(terms) <= most)
        return most

    def _saved_of(
        self, unit_class: int, part: str, saved: list[Quantity]
    ) -> list[tuple[cp_model.IntVar, float]]:
        """What one unit of the class would save without recomputation, per variable."""
        found = []
        for number, node in enumerate(self.problem.nodes):
            if node.unit_class == unit_class and not node.variants:
                for k, x in self.x[number].items():
                    found.append((x, float(node.unary[saved, k].sum())))
        for number, edge in enumerate(self.problem.edges):
            if edge.group.unit_class == unit_class and edge.group.part in ("every", part):
                for literal, q in self.pairs.get(number, []):
                    found.append((literal, float(q[saved].sum())))
        return [(v, a) for v, a in found if a > 0]

    def limit_makespan(self, seconds: float) -> None:
        """No plan slower than this."""
        self.model.add(self.makespan <= int(np.ceil(seconds / self.tick)))

    # ---- cuts from the schedule ------------------------------------------------------------

    def add_cut(self, cut: Cut) -> None:
        """A makespan never falls when no duration falls: either one of the cut's parts is smaller
        than it was, or the makespan is at least the proven one (a monotone Benders cut).

        Parts are counted in fractions of a tick, and one is smaller only by more than rounding can
        do: else the selection that the cut comes from would pass for smaller than itself.
        """
        rounding = len(self.problem.nodes) + len(self.problem.edges) + 3 * len(self.problem.stores)
        choices = []
        for number, part in enumerate(cut.parts):
            smaller = self.model.new_bool_var(f"smaller{number}")
            most = int(np.floor(part.value / self.tick * FRACTIONS)) - rounding
            self.model.add(self._part(part) <= most).only_enforce_if(smaller)
            choices.append(smaller)
        as_long = self.model.new_bool_var("as_long")
        least = int(np.floor(cut.makespan / self.tick))
        self.model.add(self.makespan >= least).only_enforce_if(as_long)
        self.model.add_bool_or([*choices, as_long])

    def _part(self, part: CutPart) -> Linear:
        """The duration of a part, in fractions of a tick."""
        from ortools.sat.python import cp_model

        variables: list[Any] = []
        seconds: list[float] = []
        for variable, c, p, q in self.charges:
            variables.append(variable)
            seconds.append(float(part.factors[c, p] @ q))
        for variable, store, q in self.held_charges:
            variables.append(variable)
            seconds.append(float(part.held[store] @ q))
        for node, strategies in part.sent.items():
            for k, literal in self.x[node].items():
                variables.append(literal)
                seconds.append(float(strategies[k]))
        for store, rate in part.exchanged.items():
            volume = self.problem.stores[store].costs.shared
            for (label, z), literal in self.y[store].items():
                variables.append(literal)
                seconds.append(rate * float(volume[label, z]))
        ticks = np.rint(np.array(seconds) / self.tick * FRACTIONS).astype(np.int64)
        used = np.flatnonzero(ticks)
        return cp_model.LinearExpr.weighted_sum(
            [variables[i] for i in used], [int(ticks[i]) for i in used]
        )

    # ---- solving ---------------------------------------------------------------------------

    def hint(self, selection: Selection) -> None:
        """Start from a selection."""
        self.model.clear_hints()  # type: ignore[no-untyped-call]
        for number, literals in enumerate(self.x):
            for k, literal in literals.items():
                self.model.add_hint(literal, k == selection.strategies[number])
        for number, store in enumerate(self.problem.stores):
            label = int(store.labels[selection.strategies[store.node]])
            for key, literal in self.y[number].items():
                self.model.add_hint(literal, key == (label, selection.storage[number]))

    def solve(self, limits: Limits) -> ModelResult:
        """The best selection of the domain and a bound, in seconds (or bytes)."""
        answer = run(self.model, limits)
        unit = KIB if self.minimize_memory else self.tick
        if not answer.has_solution:
            infinite = answer.status == "infeasible"
            return ModelResult(answer.status, None, float("inf") if infinite else 0.0)
        return ModelResult(answer.status, self._read(answer), answer.bound * unit)

    def _read(self, answer: Answer) -> Selection:
        value = answer.solver.boolean_value
        strategies = tuple(
            next(k for k, literal in literals.items() if value(literal)) for literals in self.x
        )
        storage = tuple(
            next(z for (_, z), literal in options.items() if value(literal)) for options in self.y
        )
        return Selection(strategies, storage)
