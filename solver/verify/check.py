"""Check a plan document against its spec: the whole way, on one screen.

Violation codes by subject: `field-*` (JSON), `format`, `outcome`, `mesh`; `missing`, `unknown`;
`pipeline-axis`, `stage-*`, `microbatches`, `family`, `recompute-*`; `cut-*`, `variant*`, `partial`,
`parameter-*`, `storage-level`; `schedule-*`, `step-list`, `step-operator`; `memory-*`, `step-time`,
`bubble`, `communication`; `pin-*`, `limit`, `limit-over`, `objective`, `bound`, `gap`, `price`,
`price-list`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dsl.spec import Spec
from solver.verify.claims import Claims, read_claims
from solver.verify.communication import communication_violations
from solver.verify.compare import (
    memory_violations,
    mesh_violations,
    pin_violations,
    time_violations,
)
from solver.verify.compare_stages import stage_violations
from solver.verify.decisions import read_decisions
from solver.verify.evaluate import Priced, finish, price
from solver.verify.families import order_violations
from solver.verify.fields import Fields
from solver.verify.figures import Figures
from solver.verify.legal_storage import level_violations, stored_violations
from solver.verify.legality import violations
from solver.verify.messages import deadlock_violations, message_violations
from solver.verify.objective import bound_violations, objective_violations, outcome_violations
from solver.verify.plan import join
from solver.verify.prices import PriceClaims, price_violations, read_prices
from solver.verify.proposal import Proposal, propose
from solver.verify.report import Report, Violation
from solver.verify.simulate import by_stage, completeness, replay
from solver.verify.virtual_stages import renumbered, unplaced

FORMAT = "mmp-plan/1"


def verify(document: dict[str, Any], spec: Spec) -> Report:
    """Recompute every figure of a plan document and compare.

    Never raises for what is in the document. Where a finding makes later checks meaningless
    (malformed fields, illegal decisions, an incomplete schedule) the report ends with it.
    """
    found: list[Violation] = []
    fields = Fields(document, "", found)
    found.extend(_header(fields))
    if found:
        return Report(tuple(found), None)
    decisions, claims = read_decisions(fields, found), read_claims(fields)
    if found:
        return Report(tuple(found), None)
    prices = read_prices(fields)
    if found:
        return Report(tuple(found), None)
    return _verify(propose(decisions, spec), claims, prices)


def _header(fields: Fields) -> Iterator[Violation]:
    """The format is ours, and there is a plan."""
    if fields.text("format") != FORMAT:
        yield Violation("format", f"the format must be {FORMAT}", "format")
    elif fields.nested("outcome").text("plan") == "none":
        yield Violation("outcome", "the document holds no plan", "outcome.plan")


def _verify(proposal: Proposal, claims: Claims, prices: PriceClaims) -> Report:
    spec = proposal.spec
    found = [*mesh_violations(claims, spec.mesh), *violations(proposal)]
    if found:
        return Report(tuple(found), None)
    plan = join(proposal)
    found.extend(level_violations(plan))
    if found:
        return Report(tuple(found), None)
    priced = price(plan)
    found.extend(stored_violations(plan, priced.holdings, claims.storage))
    found.extend(stage_violations(claims, priced))
    names = [part.name for part in spec.mesh.parts]
    found.extend(communication_violations(claims.calls, priced.times.calls, names))
    wrong_times = list(_schedule(priced))
    if wrong_times:
        return Report((*found, *wrong_times), None)
    figures = finish(priced, plan.decisions.schedule)
    found.extend(_results(claims, figures, priced))
    if len(claims.pins) == len(figures.bills):
        found.extend(price_violations(prices, spec, claims.objective.value))
    return Report(tuple(found), figures)


def _schedule(priced: Priced) -> Iterator[Violation]:
    """The schedule is complete, keeps its times and waits, and follows its family."""
    plan, times = priced.plan, priced.times
    schedule, count = plan.decisions.schedule, plan.frame.microbatches
    incomplete = tuple(unplaced(schedule, plan.places))
    virtual = () if incomplete else renumbered(schedule, plan.places)
    incomplete = incomplete or tuple(completeness(virtual, times.virtual, count))
    if incomplete:
        yield from incomplete
        return
    family, edges = plan.decisions.family, times.edges
    wrong_times = tuple(replay(virtual, times.virtual, edges, plan.places))
    yield from wrong_times
    rows = by_stage(virtual, plan.stages, plan.places)
    yield from order_violations(family, rows, times.virtual, edges, count, plan.places)
    crossed = tuple(message_violations(rows, edges))
    yield from crossed
    if not wrong_times and not crossed:
        yield from deadlock_violations(rows, edges)


def _results(claims: Claims, figures: Figures, priced: Priced) -> Iterator[Violation]:
    yield from time_violations(claims, figures)
    yield from memory_violations(claims, figures, priced.plan)
    yield from pin_violations(claims, figures)
    yield from objective_violations(claims.objective, figures, priced.plan.spec.objective[0])
    yield from bound_violations(claims.objective)
    yield from outcome_violations(claims)
