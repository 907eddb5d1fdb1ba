"""What searches of a changed spec say, held against the plan in hand."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dsl.spec import Spec
from solver.events import Document
from solver.explain.price import Known, Price, known, price
from solver.verify.evaluate import IllegalDecisionsError
from solver.verify.reprice import reprice
from solver.verify.simulate import DeadlockError


@dataclass(frozen=True, slots=True)
class Answer:
    """`plan` is the best one that was found for the changed spec, None where none was; `known` is
    what is known of the objective of the best possible one."""

    plan: Document | None
    known: Known

    @property
    def is_impossible(self) -> bool:
        """Whether it is proven that the changed spec has no plan."""
        return self.known.lower == math.inf


def answer(found: Sequence[tuple[Document | None, float | None]]) -> Answer | None:
    """From the documents of one spec's searches, each with the best bound that was reported: the
    first is about all plans of the spec, the others about a part of them. None: all failed."""
    documents = [(document, bound) for document, bound in found if document is not None]
    if not documents:
        return None
    (first, bound), *parts = documents
    whole = known(first, bound)
    upper = min([whole.upper, *(known(part).upper for part, _ in parts)])
    plans = [document for document, _ in documents if "step_time_s" in document]
    best = min(plans, key=lambda plan: float(plan["objective"]["value"]), default=None)
    return Answer(best, replace(whole, upper=upper))


def gain(plan: Document, changed: Spec, found: Answer, is_same_mesh: bool) -> Price | None:
    """What a change saves: the objective of the plan in hand less that of the best plan with the
    change. Where the plan can be run there too, its price there is one more known."""
    other = found.known
    if is_same_mesh:
        with contextlib.suppress(IllegalDecisionsError, DeadlockError):
            other = replace(other, upper=min(other.upper, reprice(plan, changed).objective))
    return price(known(plan), other)


def cost(plan: Document, found: Answer) -> Price | None:
    """What an alternative costs: the objective of its best plan less that of the plan in hand.

    None where no plan with it is known, or nothing is known of its cost."""
    if found.plan is None:
        return None
    return price(found.known, known(plan))


def peak(plan: Document) -> float:
    """Bytes on the fullest device."""
    return float(max(row["peak_bytes"] for row in plan["memory"]))
