"""The searches of `mmp explain`: what each wish costs, what more hardware brings, what else goes.

Every answer is a search of a changed spec in a process of its own, verified like any plan.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from dsl.spec import Spec
from solver.cli import streams
from solver.cli.asking import Asker, Work
from solver.cli.diagnostics import text_in
from solver.cli.files import save_aside
from solver.cli.pricing import Pricer
from solver.cli.report.words import amount
from solver.cli.tasks.alternatives import Found, solve_chain, solve_changed
from solver.events import Document, Options
from solver.explain.alternatives import others
from solver.explain.answers import Answer, cost, gain
from solver.explain.choices import Choice
from solver.explain.document import Bought, Explained, Other, price_rows
from solver.explain.margins import Margin, margins
from solver.explain.price_wishes import around, wishes
from solver.explain.ways_out import tried, ways_out
from solver.isolate.interrupts import Interrupts
from solver.sweep.executors import Place
from solver.sweep.relay import Relay

Answers = Mapping[int, tuple[Found, ...]]


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains one spec. `place` opens where searches run, for a relay of interrupts; `seconds`
    are for all searches together."""

    spec: Spec
    options: Options
    seconds: float
    place: Callable[[Relay], AbstractContextManager[Place]]
    interrupts: Interrupts

    def summary(self, plan: Document) -> Explained:
        """What the wishes of the spec cost, and what more hardware brings."""
        asked, bought = wishes(self.spec, text_in(self.spec)), margins(self.spec)
        work = {
            len(asked) + at: partial(
                solve_changed, (margin.change,), margin.spec, self._near(margin, plan)
            )
            for at, margin in enumerate(bought)
            if margin.spec is not None
        }
        priced = sum(not wish.is_free for wish in asked)
        share = self.seconds / max(1, priced + len(work))
        with self.place(Relay(self.interrupts, len(asked) + len(bought))) as place:
            pricer = Pricer(asked, self.options, share * priced, place, self.interrupts)
            prices = price_rows(pricer.priced(plan))
            answers = self._answers(place, work, share * len(work))
        found = [answers.get(len(asked) + at, ()) for at in range(len(bought))]
        rows = [_bought(m, _only(one), plan) for m, one in zip(bought, found, strict=True)]
        return Explained(plan, prices, tuple(rows))

    def _near(self, margin: Margin, plan: Document) -> Spec | None:
        """The stages and micro-batches of the plan in hand, where the mesh has them."""
        if margin.spec is None or not margin.is_same_mesh:
            return None
        return around(margin.spec, plan)

    def alternatives(self, plan: Document, choices: Sequence[Choice], most: int) -> Explained:
        """What else could be decided for every choice: up to `most` other cuts of operators, all
        other ways for parameters and stages, the cheapest first."""
        work: dict[int, Work[tuple[Found, ...]]] = {}
        owners: list[int] = []
        for at, choice in enumerate(choices):
            for job in self._jobs(choice, plan, most):
                work[len(owners)] = job
                owners.append(at)
        with self.place(Relay(self.interrupts, len(owners))) as place:
            answers = self._answers(place, work, self.seconds)
        rows: list[list[Other]] = [[] for _ in choices]
        for number, at in enumerate(owners):
            rows[at] += [_other(found, plan) for found in answers.get(number, ())]
        explained = [(c, tuple(sorted(r, key=_worth))) for c, r in zip(choices, rows, strict=True)]
        return Explained(plan, choices=tuple(explained))

    def _jobs(self, choice: Choice, plan: Document, most: int) -> Iterator[Work[tuple[Found, ...]]]:
        if choice.sort == "operator":
            yield partial(solve_chain, self.spec, choice, plan, most)
            return
        for way in others(choice, plan, self.spec):
            part = around(way.spec, plan) if choice.sort == "parameter" else None
            yield partial(solve_changed, (way.text,), way.spec, part)

    def relaxations(self, document: Document) -> list[Document]:
        """The ways out of a conflict with the best plan that was found for each, cheapest first."""
        ways = ways_out(self.spec, document, text_in(self.spec))
        work: dict[int, Work[tuple[Found, ...]]] = {
            at: partial(solve_changed, (way.row["change"] or "larger devices",), way.spec, None)
            for at, way in enumerate(ways)
        }
        with self.place(Relay(self.interrupts, len(ways))) as place:
            answers = self._answers(place, work, self.seconds)
        rows = [(way, _only(answers.get(at, ()))) for at, way in enumerate(ways)]
        known = [row for way, found in rows if (row := tried(way, found)) is not None]
        return sorted(known, key=lambda row: row["step_time_s"] or math.inf)

    def _answers(
        self, place: Place, work: Mapping[int, Work[tuple[Found, ...]]], seconds: float
    ) -> Answers:
        """What the searches found, by their numbers; those that failed are told and left out."""
        asker = Asker(self.options, seconds, place, self.interrupts)
        found: dict[int, tuple[Found, ...]] = {}
        if not work:
            return found
        for number, result in asker.answers(work):
            if isinstance(result, Exception):
                where = save_aside("".join(traceback.format_exception(result)), ".txt")
                streams.note(f"mmp: a search failed: {result!r}; details are in {where}")
                continue
            found[number] = result or ()
            for one in found[number]:
                self._tell(one)
        return found

    def _tell(self, found: Found) -> None:
        """What was found, in a line; then what the searches have to say."""
        best, what = found.answer, found.text[-1].replace("\n", "; ")
        words = "no plan found"
        if best is not None and best.plan is not None:
            words = amount(self.spec.objective[0], best.plan["objective"]["value"])
        elif best is not None and best.is_impossible:
            words = "there is no plan"
        streams.note(f"mmp: {what}: {words}")
        for line in (line for settled in found.searches for line in settled.notes):
            streams.note(f"mmp: {what}: {line}")


def _only(found: tuple[Found, ...]) -> Answer | None:
    return found[0].answer if found else None


def _bought(margin: Margin, found: Answer | None, plan: Document) -> Bought:
    if found is None or margin.spec is None:
        return Bought(margin, found, None)
    return Bought(margin, found, gain(plan, margin.spec, found, margin.is_same_mesh))


def _other(found: Found, plan: Document) -> Other:
    best = found.answer
    return Other(found.text, best, None if best is None else cost(plan, best))


def _worth(other: Other) -> float:
    """The objective of an alternative, to sort by; those without a plan are last."""
    plan = None if other.answer is None else other.answer.plan
    return math.inf if plan is None else float(plan["objective"]["value"])
