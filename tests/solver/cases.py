"""Random tiny specs with pins and limits, from roomy to infeasible."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume
from hypothesis import strategies as st

from dsl.load import LoadError
from tests.solver.brute import optimum
from tests.solver.specs import Draft, drafts, is_small, pins

MOST_BASES = 300
SHARES = (None, 0.5, 0.1, 0.9, -0.2)
"""Where a memory limit lies between the least peak (0) and that of the fastest plan (1)."""


PRICES = {
    "step_time": ("10 us per MiB", "3 ms per GiB", "1 ms per ms", "100 us per ms"),
    "memory": ("0.1 B per B", "3 B per B", "1 MiB per us", "10 MiB per ms"),
}
"""What a byte (the first two) or a second over a soft limit costs, by the objective."""


@st.composite
def cases(draw: st.DrawFn, objectives: tuple[str, ...] = ("step_time", "memory")) -> Draft:
    """A spec with up to two pins or forbids, and maybe limits that must hold or have a price."""
    draft = draw(drafts(200))
    wishes = [draw(pins(draft.body, draw(st.booleans()))) for _ in range(draw(st.integers(0, 2)))]
    draft = replace(draft, statements=tuple(wishes))
    assume(is_loadable(draft))
    assume(is_small(draft.spec(), MOST_BASES))
    objective = draw(st.sampled_from(objectives))
    per_byte, per_second = draw(st.integers(0, 1)), draw(st.integers(2, 3))
    limit = memory_limit(draft, draw(st.sampled_from(SHARES)))
    if draw(st.booleans()):
        limit = tuple(f"{text} weight {PRICES[objective][per_byte]} over" for text in limit)
    if draw(st.sampled_from((True, False, False))):
        limit += step_limit(draft, draw(st.sampled_from((0.5, 1.2))), PRICES[objective][per_second])
    if objective == "memory":  # weights are in the unit of the objective
        wishes = [text.replace("10 us", "1 MiB").replace("1 ms", "1 GiB") for text in wishes]
    return replace(draft, statements=(*wishes, *limit), objective=objective)


def is_loadable(draft: Draft) -> bool:
    """Whether the language takes the pins (it refuses those that can never hold)."""
    try:
        draft.spec()
    except LoadError:
        return False
    return True


def step_limit(draft: Draft, share: float, price: str) -> tuple[str, ...]:
    """A soft limit at a share of the least step time."""
    fastest = optimum(draft.spec())
    if fastest is None:
        return ()
    return (f"limit step_time <= {fastest.step_time * share * 1e6:.3f} us weight {price} over",)


def memory_limit(draft: Draft, share: float | None) -> tuple[str, ...]:
    """A limit at a share of the way from the least peak to that of the fastest plan; below zero
    it is less than any plan needs."""
    if share is None:
        return ()
    hard = tuple(text for text in draft.statements if "weight" not in text)
    smallest = optimum(replace(draft, statements=hard, objective="memory").spec())
    fastest = optimum(draft.spec())
    if smallest is None or fastest is None:
        return ()
    value = smallest.peak + share * (fastest.peak - smallest.peak)
    if share < 0:
        value = 0.97 * smallest.peak
    elif value < smallest.peak + 65536:  # the solver counts memory in KiB
        value = smallest.peak + 65536
    return (f"limit memory <= {int(value)} B",)
