"""The text of `mmp_shard.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from solver.export.mindspore.refusals import level
from solver.export.named_axes import Axes, axis, input_axes, result_axes
from solver.export.saved import SavedPlan
from solver.export.transformer.order import built_in

_HEAD = '''"""The layouts of a plan, written by `mmp export --to mindspore`.

For every operator of the network: `operator.shard(*layouts(NAME))`, in the stage STAGES says.{note}
"""

from mindspore.parallel import Layout

'''
_TAIL = '''

def layouts(name: str) -> tuple[tuple, tuple]:
    """The layouts of an operator's inputs, and of its results."""
    devices = Layout(tuple(AXES.values()), tuple(AXES))
    inputs, results = OPERATORS[name]
    return tuple(devices(*x) for x in inputs), tuple(devices(*x) for x in results)
'''
_NOTE = """
There is no `strategy.json`: degrees alone do not say on which devices the pieces of
{names} are."""
_NAMED = 2


def module(saved: SavedPlan, unclear: tuple[str, ...]) -> str:
    """A module that needs MindSpore alone; `unclear` operators are why there is no JSON."""
    names = ", ".join(f"`{name}`" for name in unclear[:_NAMED])
    more = len(unclear) - _NAMED
    note = _NOTE.format(names=names + (f" and {more} more" if more > 0 else "")) if unclear else ""
    return _HEAD.format(note=note) + "\n".join(_tables(saved)) + "\n" + _TAIL


def _tables(saved: SavedPlan) -> Iterator[str]:
    plan, operators = saved.plan, saved.spec.graph.operators
    sizes = ", ".join(f'"{axis(part.name)}": {part.size}' for part in plan.frame.parts)
    yield f"AXES = {{{sizes}}}"
    yield '"""The device matrix of a stage, outermost axis first, and its sizes."""\n'
    yield "OPERATORS = {"
    for o in operators:
        inputs, results = _all(input_axes(plan, o)), _all(result_axes(plan, o))
        yield f'    "{o.name}": ({inputs}, {results}),'
    yield "}"
    yield '"""Operator -> layouts of its inputs, and of its results, by dimension."""\n'
    yield "STAGES = {"
    for unit in saved.spec.graph.units:
        yield f'    "{unit.name}": {plan.stage_of[unit.name]},'
    yield "}"
    yield '"""Block -> `pipeline_stage`."""\n'
    again = [f'"{u.name}"' for u in saved.spec.graph.units if plan.recomputed[u.name]]
    yield f"RECOMPUTED = {_tuple(again)}"
    yield '"""Blocks that `recompute()`."""\n'
    yield f"MICROBATCHES = {plan.frame.microbatches}"
    scheduler = '"gpipe"' if built_in(saved) == "gpipe" else '"1f1b"'
    yield f'PIPELINE = {{"stages": {plan.stages}, "scheduler": {scheduler}}}'
    yield '"""Arguments of `AutoParallel.pipeline`."""\n'
    found = level(saved)
    hsdp = f'{{"shard_size": -1, "threshold": 0, "optimizer_level": "level{found}"}}'
    yield f"OPTIMIZER = {hsdp if found else None}"
    yield '"""Arguments of `AutoParallel.hsdp`; None: nothing is cut in storage."""'


def _all(tensors: Iterable[Axes]) -> str:
    return _tuple([_tuple([_dimension(names) for names in axes]) for axes in tensors])


def _dimension(names: tuple[str, ...]) -> str:
    words = [f'"{axis(name)}"' for name in names]
    return '"None"' if not words else words[0] if len(words) == 1 else _tuple(words)


def _tuple(items: list[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
