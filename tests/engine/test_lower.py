"""The lowering of specs: the engine's value is that of rows, peak, pins and cuts."""

from __future__ import annotations

import itertools
import math
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from dsl.load import load
from dsl.spec import Spec
from solver.engine.evaluate import value
from solver.engine.problem import as_selection
from solver.search import frame
from solver.search.cuts import monotone_cut
from solver.search.terms import stage_terms
from solver.search.values import peak_bytes as peaks
from solver.search.values import penalty
from solver.sharding.build import build, with_edges
from solver.sharding.domain import Domain, hard_domain
from solver.sharding.lower import memory
from solver.sharding.lower.cuts import SMALLER
from solver.sharding.lower.lowering import Aim, Lowered, lower
from solver.sharding.lower.tables import Tables, tables
from solver.sharding.problem import Selection, ShardingProblem
from solver.sharding.terms import Cut, SoftLimit, StageTerms
from solver.space.mesh import splits
from solver.space.pins import PinMasks, compile_pins
from solver.stages.figures import figures, group_totals
from solver.stages.pattern import Pattern
from tests.solver.specs import Draft

CASES = 32
LOOPED = "repeat 3 as layers {\n    h[b, d] = gelu(h)\n  }\n  y[b, f] = matmul(h, param w[d, f])"
TRAIN = "microbatches 1..2 pipeline 1..4 stages {family} recompute auto"
SOFT = (
    "pin net.{op} : b over gpu weight 1 ms",
    "forbid net.{op} : stored over gpu weight 300 us",
    "pin net.{op} : optimizer stored over gpu weight 2 ms",
)
PARAMETERS = {"products": ("a", "y"), "layers": ("h", "layers[0].a"), "branches": ("a", "c")}


@dataclass(frozen=True, slots=True)
class Case:
    """A split of a small spec with a random pattern of stages."""

    problem: ShardingProblem
    pins: tuple[PinMasks, ...]
    domain: Domain
    pattern: Pattern
    held: list[int]
    terms: StageTerms

    def tables(self) -> Tables:
        return tables(self.problem, self.domain, self.pins)

    def random_selection(self, rng: random.Random) -> Selection:
        """Strategies and storage of the domain; pairs may be illegal."""
        strategies = [int(rng.choice(np.flatnonzero(mask))) for mask in self.domain.nodes]
        storage = []
        for store, legal in zip(self.problem.stores, self.domain.stores, strict=True):
            options = np.flatnonzero(legal[store.labels[strategies[store.node]]])
            storage.append(int(rng.choice(options)))
        return Selection(tuple(strategies), tuple(storage))

    def is_legal(self, s: Selection) -> bool:
        """Whether no edge forbids a pair."""
        pairs = (
            (e.labels_u[s.strategies[e.u]], e.labels_v[s.strategies[e.v]], e)
            for e in self.problem.edges
        )
        return all(np.isfinite(e.table[:, i, j]).all() for i, j, e in pairs)

    def peak(self, s: Selection) -> float:
        return float(peaks(self.problem, self.pattern, self.held, s).max())

    def is_over(self, s: Selection) -> bool:
        """Whether a stage has too little memory."""
        peak = peaks(self.problem, self.pattern, self.held, s)
        return bool((peak > self.terms.capacity).any())

    def paid(self, s: Selection) -> float:
        return penalty(self.problem, self.pins, s)

    def expected(self, s: Selection) -> float:
        """Step time and soft pins; bytes over the capacity at their price."""
        if not self.is_legal(s):
            return math.inf
        if self.is_over(s):
            return math.inf
        charges = (x.price * max(0.0, self.peak(s) - x.value) for x in self.terms.soft)
        return row_values(self.problem, self.terms, s) + self.paid(s) + sum(charges)


def spec_of(rng: random.Random, body: str, statements: tuple[str, ...]) -> Spec:
    text = Draft(
        body if body != "looped" else "product",
        sizes=rng.choice(((4100, 1024, 2050), (4096, 1026, 2049))),
        gpus=rng.choice((2, 4, 4)),
        second=rng.choice((None, None, (30, 5, 20, 8192))),
        train=TRAIN.format(family=rng.choice(("", "one_f_one_b", "zb_h1"))),
        statements=statements,
    ).text()
    text = text.replace("repeat 2", "repeat 4")
    if body == "looped":
        text = text.replace("a[b, f] = matmul(x, param w[d, f])", LOOPED).replace("x[b", "h[b")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spec.mmp")
        path.write_text(text, encoding="utf-8")
        return load(path)


def random_pattern(rng: random.Random, units: int, stages: int) -> Pattern:
    """Stages of one chunk, or of two that form a V."""
    place = tuple(range(stages))
    if 1 < stages <= units // 2 and rng.random() < 0.3:
        place += place[::-1]
    borders = sorted(rng.sample(range(1, units), len(place) - 1))
    chunk_of = tuple(sum(u >= border for border in borders) for u in range(units))
    share = rng.choice((0.0, 0.5, 1.0))
    return Pattern(place, chunk_of, tuple(rng.random() < share for _ in range(units)))


def case_of(rng: random.Random, spec: Spec, limited: bool) -> Case:
    """A random split and pattern, and a capacity that some selections keep and others do not."""
    framed = frame.make_frame(spec)
    split = rng.choice(splits(spec, framed.named))
    problem = with_edges(build(framed, split, coarse=False))
    pins = compile_pins(problem)
    domain = hard_domain(problem, pins)
    assert domain is not None
    pattern = random_pattern(rng, len(spec.graph.units), split.stages)
    held = [rng.randint(1, split.microbatches) for _ in pattern.placement]
    terms = stage_terms(problem, pattern, held, math.inf)
    case = Case(problem, pins, domain, pattern, held, terms)
    if not limited:
        return case
    seen = sorted({case.peak(case.random_selection(rng)) for _ in range(12)})
    k = rng.randrange(len(seen))
    capacity = (seen[k] + seen[min(k + 1, len(seen) - 1)]) / 2
    limits = rng.choice(("hard", "hard", "soft", "both"))
    if limits == "hard":  # some stages have more room than others
        room = np.array([rng.choice((1.0, 1.0, 1.5)) * capacity for _ in range(split.stages)])
        return replace(case, terms=replace(terms, capacity=room))
    most = np.full(split.stages, seen[-1] if limits == "both" else math.inf)
    soft = (SoftLimit(capacity, 1e-9), SoftLimit(0.9 * capacity, 2e-9))
    return replace(case, terms=replace(terms, capacity=most, soft=soft))


def random_case(seed: int, limited: bool) -> tuple[random.Random, Case]:
    rng = random.Random(seed)
    body = rng.choice(("products", "layers", "layers", "branches", "looped", "tied", "residual"))
    wishes = [w.format(op=op) for op in PARAMETERS.get(body, ()) for w in SOFT]
    spec = spec_of(rng, body, tuple(rng.sample(wishes, min(len(wishes), rng.randint(0, 3)))))
    return rng, case_of(rng, spec, limited)


def row_values(problem: ShardingProblem, terms: StageTerms, selection: Selection) -> float:
    """The largest row of times for a selection."""
    totals = group_totals(problem, selection)
    rows = np.einsum("rcpq,cpq->r", terms.time, totals)
    for number, (store, z) in enumerate(zip(problem.stores, selection.storage, strict=True)):
        if not store.per_unit:
            label = store.labels[selection.strategies[store.node]]
            rows = rows + terms.held_time[:, number] @ store.costs.table[:, label, z]
    return float(rows.max())


def close(found: float, wanted: float) -> bool:
    return found == wanted or math.isclose(found, wanted, rel_tol=1e-9)


@pytest.fixture(autouse=True)
def _folding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other case shares the choices of its layers, two of three choose levels of gathers."""
    number = request.node.callspec.params.get("seed", 0) if hasattr(request.node, "callspec") else 0
    if number % 2:
        monkeypatch.setattr(frame, "SMALL", 0)
    if number % 3:
        monkeypatch.setattr(memory, "COMBINED", 0)


def way_and_back(case: Case, lowered: Lowered, s: Selection) -> tuple[float, Selection]:
    """The engine's value of a selection, and what it becomes: the same strategies, stored in a way
    that stays itself."""
    chosen = lowered.of(s)
    assert chosen is not None
    back = lowered.selection(chosen)
    assert back.strategies == s.strategies
    again = lowered.of(back)
    assert again is not None
    assert again.tolist() == chosen.tolist()
    return value(lowered.problem, chosen), back


# ---- step time -----------------------------------------------------------------------------


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("seed", range(CASES))
def test_values_are_those_of_rows_peak_and_pins(seed: int, limited: bool) -> None:
    rng, case = random_case(seed, limited)
    lowered = lower(case.tables(), case.terms)
    for _ in range(8):
        s = case.random_selection(rng)
        found, back = way_and_back(case, lowered, s)
        assert close(found, case.expected(back))
        assert case.expected(back) <= case.expected(s) * (1 + 1e-12)


def test_limits_are_kept_by_some_and_broken_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases above are of every kind."""
    monkeypatch.setattr(frame, "SMALL", 0)
    kinds = set()
    for seed in range(CASES):
        monkeypatch.setattr(memory, "COMBINED", 32 * (seed % 2))
        rng, case = random_case(seed, limited=seed % 4 > 0)
        lowered = lower(case.tables(), case.terms)
        for _ in range(4):
            s = case.random_selection(rng)
            if case.is_legal(s):
                kinds.add((case.is_over(s), bool(case.terms.soft)))
            else:
                kinds.add("illegal")
        kinds |= {resource.name for resource in lowered.problem.resources}
        kinds |= {"level"} if any(len(x.amounts) > 1 for x in lowered.levels) else set()
        kinds |= {"loop"} if any(node.loops for node in lowered.tables.nodes) else set()
        kinds |= {"mixed"} if case.problem.kinds.count > 1 else set()
        kinds |= {"pin"} if lowered.problem.pins else set()
        kinds |= {"folded"} if any(how.node is None for how in lowered.storing) else set()
    both = set(itertools.product((True, False), repeat=2))
    resources = {"memory", "step time", "gathered parameters"}
    assert kinds >= both | resources | {"level", "loop", "mixed", "pin", "folded"}


@pytest.mark.parametrize("seed", range(0, CASES, 2))
def test_the_least_level_is_the_best(seed: int) -> None:
    """No choice of the auxiliary nodes beats the one that the way in makes."""
    rng, case = random_case(seed, limited=True)
    lowered = lower(case.tables(), case.terms)
    sizes = [node.size for node in lowered.problem.nodes]
    first = len(sizes) - len(lowered.levels)
    chosen = lowered.of(case.random_selection(rng))
    assert chosen is not None
    others = itertools.islice(itertools.product(*(range(n) for n in sizes[first:])), 200)
    values = [value(lowered.problem, as_selection([*chosen[:first], *x])) for x in others]
    assert value(lowered.problem, chosen) == min(values)


@pytest.mark.parametrize("body", sorted(PARAMETERS))
def test_pinned_parameters_keep_every_option(body: str) -> None:
    rng = random.Random(body)
    wishes = tuple(SOFT[1].format(op=op) for op in PARAMETERS[body])
    case = case_of(rng, spec_of(rng, body, wishes), limited=False)
    named = {number for pin in case.pins for number in pin.stores}
    lowered = lower(case.tables(), case.terms)
    free = 0
    for _ in range(20):
        s = case.random_selection(rng)
        _, back = way_and_back(case, lowered, s)
        assert all(back.storage[n] == s.storage[n] for n in named)
        free += back != s
    assert named
    if len(named) < len(case.problem.stores):
        assert free  # the others are stored in the way that costs least


def test_what_always_fits_is_no_resource() -> None:
    rng, case = random_case(0, limited=True)
    most = max(case.peak(case.random_selection(rng)) for _ in range(30))
    stages = case.pattern.stages
    roomy = lower(case.tables(), replace(case.terms, capacity=np.full(stages, 50 * most)))
    assert "memory" not in [r.name for r in roomy.problem.resources]
    tight = lower(case.tables(), replace(case.terms, capacity=np.full(stages, 0.5 * most)))
    assert "memory" in [r.name for r in tight.problem.resources]


def test_a_selection_outside_the_domain_has_no_way_in() -> None:
    rng, case = random_case(3, limited=False)
    s = case.random_selection(rng)
    node = next(n for n, mask in enumerate(case.domain.nodes) if mask.sum() > 1)
    masks = [mask.copy() for mask in case.domain.nodes]
    masks[node][s.strategies[node]] = False
    smaller = tables(case.problem, Domain(tuple(masks), case.domain.stores), case.pins)
    assert lower(smaller, case.terms).of(s) is None
    assert lower(case.tables(), case.terms).of(s) is not None


def test_measured_operators_rebuild_nothing() -> None:
    rng = random.Random(6)
    spec = load(Path(__file__).parents[2] / "examples" / "measured_pipeline.mmp")
    case = case_of(rng, spec, limited=True)
    lowered = lower(case.tables(), case.terms)
    assert case.pattern.again.count(True)
    for _ in range(10):
        s = case.random_selection(rng)
        found, back = way_and_back(case, lowered, s)
        assert close(found, case.expected(back))


# ---- memory, and limits on the step --------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_the_peak_can_be_minimised(seed: int) -> None:
    rng, case = random_case(seed, limited=True)
    steps = sorted(row_values(case.problem, case.terms, case.random_selection(rng)) for _ in "abcd")
    limit = rng.choice([math.inf, (steps[1] + steps[2]) / 2 * (1 + 1e-6)])
    terms = replace(case.terms, soft=())
    lowered = lower(case.tables(), terms, Aim("memory", limit))
    for _ in range(8):
        found, back = way_and_back(case, lowered, case.random_selection(rng))
        fits = case.is_legal(back) and not case.is_over(back)
        wanted = case.peak(back) + case.paid(back)
        if not fits or row_values(case.problem, terms, back) > limit:
            wanted = math.inf
        assert close(found, wanted)


def test_seconds_over_a_soft_limit_have_a_price() -> None:
    rng, case = random_case(4, limited=False)
    s = case.random_selection(rng)
    while not case.is_legal(s):
        s = case.random_selection(rng)
    step = row_values(case.problem, case.terms, s)
    free, back = way_and_back(case, lower(case.tables(), case.terms), s)
    aim = Aim("time", soft=(SoftLimit(0.75 * step, 2.0),))
    priced = lower(case.tables(), case.terms, aim)
    found, back = way_and_back(case, priced, back)
    over = row_values(case.problem, case.terms, back) - 0.75 * step
    assert over > 0
    assert close(found, free + 2.0 * over)


# ---- cuts ----------------------------------------------------------------------------------


def durations(case: Case, s: Selection) -> list[float]:
    f = figures(case.problem, s, case.pattern)
    return [part.value for part in monotone_cut(case.problem, s, case.pattern, f, 0.0).parts]


@pytest.mark.parametrize("seed", range(40))
def test_a_cut_is_met_by_a_smaller_duration_or_a_long_step(seed: int) -> None:
    rng, case = random_case(seed, limited=bool(seed % 3))
    cuts: list[Cut] = []
    for _ in range(rng.randint(1, 3)):
        s = case.random_selection(rng)
        while not case.is_legal(s):
            s = case.random_selection(rng)
        makespan = row_values(case.problem, case.terms, s) * rng.choice((0.9, 1.1, 1.5))
        f = figures(case.problem, s, case.pattern)
        cuts.append(monotone_cut(case.problem, s, case.pattern, f, makespan))
    lowered = lower(case.tables(), case.terms, cuts=cuts)
    for _ in range(8):
        found, back = way_and_back(case, lowered, case.random_selection(rng))
        wanted = case.expected(back)
        if math.isfinite(wanted):
            rows = row_values(case.problem, case.terms, back)
            now = durations(case, back)
            for cut in cuts:
                before = [part.value for part in cut.parts]
                if not any(a < b * (1 - 1e-9) for a, b in zip(now, before, strict=True)):
                    wanted += max(0.0, SMALLER * cut.makespan - rows)
                    rows = max(rows, SMALLER * cut.makespan)
        assert close(found, wanted)


def test_the_selection_of_a_cut_is_not_smaller_than_itself() -> None:
    rng, case = random_case(2, limited=False)
    lowered = lower(case.tables(), case.terms)
    _, s = way_and_back(case, lowered, case.random_selection(rng))
    while not case.is_legal(s):
        _, s = way_and_back(case, lowered, case.random_selection(rng))
    step = row_values(case.problem, case.terms, s)
    f = figures(case.problem, s, case.pattern)
    cut = monotone_cut(case.problem, s, case.pattern, f, 2 * step)
    with_cut = lower(case.tables(), case.terms, cuts=[cut])
    found, _ = way_and_back(case, with_cut, s)
    assert close(found, 2 * step * SMALLER + case.paid(s))
    chosen = with_cut.of(s)
    assert chosen is not None
    for strategy in range(len(cut.parts)):  # no claim that a duration is smaller can be made
        if strategy < with_cut.problem.nodes[-1].size - 1:
            claim = as_selection([*chosen[:-1], strategy])
            assert value(with_cut.problem, claim) == math.inf
