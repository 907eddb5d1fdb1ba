"""Pins in the joint model: which options, places and storages keep each wish, asked of the verifier
one wish at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dsl.spec import OnStage, Pin, Recomputed, RunsBefore, StoredOver
from solver.cpsat import Linear
from solver.verify.pins import pin_bills
from solver.verify.plan import Plan
from solver.verify.storage import hold
from tests.solver.joint.model import JointModel


def add_pins(joint: JointModel) -> list[tuple[float, Linear]]:
    """Constraints of the hard pins; the weights of soft ones, each with whether it is broken."""
    paid = []
    for number, pin in enumerate(joint.spec.pins):
        missed = [literal for wish in _wishes(pin) for literal in _broken_by(joint, wish)]
        if pin.weight is None:
            for literal in missed:
                joint.model.add(literal == 0)
            continue
        broken = joint.model.new_bool_var(f"pin {number} is broken")
        for literal in missed:
            joint.model.add(broken >= literal)
        paid.append((pin.weight, broken))
    return paid


def _wishes(pin: Pin) -> Iterator[Pin]:
    for wish in pin.requirements:
        yield replace(pin, requirements=(wish,), weight=None)


def _broken_by(joint: JointModel, pin: Pin) -> Iterator[Linear]:
    """Literals of which each breaks a pin of one wish."""
    (wish,) = pin.requirements
    choices, selection = joint.choices, joint.selection
    match wish:
        case RunsBefore():
            raise ValueError("orders of operators are not part of the joint model")
        case OnStage():
            row = joint.stages.on[selection.number[wish.unit]]
            for s, literal in enumerate(row):
                plan = replace(choices.base, stage_of={**choices.base.stage_of, wish.unit: s})
                if not _holds(plan, pin):
                    yield literal
        case Recomputed():
            again = selection.again[selection.number[wish.unit]]
            for flag, literal in ((False, 1 - again), (True, again)):
                marked = {**choices.base.recomputed, wish.unit: flag}
                if not _holds(replace(choices.base, recomputed=marked), pin):
                    yield literal
        case StoredOver():
            name = wish.parameter
            reader = choices.reader(name).name
            for option, row in enumerate(selection.stored[name]):
                for storage, literal in zip(
                    selection.tables.storages[name][option], row, strict=True
                ):
                    plan = choices.plan({reader: option}, {name: storage.levels})
                    if not _holds(plan, pin):
                        yield literal
        case _:
            for option, literal in enumerate(selection.options[wish.operator]):
                if not _holds(choices.plan({wish.operator: option}), pin):
                    yield literal


def _holds(plan: Plan, pin: Pin) -> bool:
    asked = replace(plan, spec=replace(plan.spec, pins=(pin,)))
    holdings = [hold(asked, name) for name in asked.wiring.parameters]
    (bill,) = pin_bills(asked, holdings, ())
    return bill.satisfied
