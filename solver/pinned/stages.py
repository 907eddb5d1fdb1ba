"""Which chunk of the pipeline holds each unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsl.spec import Spec, Unit
from solver.pinned.findings import Assumption
from solver.pinned.settings import Settings, pins_stages


def chunks_of(
    spec: Spec, settings: Settings, places: tuple[int, ...]
) -> tuple[Mapping[str, int], tuple[Assumption, ...]]:
    """The chunk of every unit, numbered over the whole pipeline.

    Layers are dealt out evenly in order; where they do not divide, those in the middle have one
    more, since the ends hold the embedding and the head. What comes before the layers goes to the
    first chunk and what comes after to the last. A pin on a
    stage moves a unit to the chunk of that stage that is nearest to where it would be.
    """
    units = spec.graph.units
    if len(places) == 1:
        return {unit.name: 0 for unit in units}, ()
    layers = [unit.name for unit in units if unit.repeat is not None]
    position = {name: at for at, name in enumerate(layers)}
    even = _even(len(layers), len(places))
    pinned = pins_stages(spec)
    chunk, found, moved = 0, {}, 0
    for unit in units:
        if unit.name in position:
            chunk = even[position[unit.name]]
        elif position and _is_after(unit.name, units, layers):
            chunk = len(places) - 1
        at = chunk
        if unit.name in pinned:
            at = _nearest(pinned[unit.name], chunk, places, settings.stages)
            moved += 1
        found[unit.name] = at
    if moved == len(units):
        return found, ()
    rule = "units without a pin on a stage are dealt out evenly, in order"
    return found, (Assumption(rule, (f"{len(layers)} layers over {len(places)} chunks",)),)


def _even(layers: int, chunks: int) -> list[int]:
    """The chunk of every layer."""
    least, more = divmod(layers, chunks)
    start = (chunks - more) // 2
    return [c for c in range(chunks) for _ in range(least + (start <= c < start + more))]


def _is_after(name: str, units: Sequence[Unit], layers: Sequence[str]) -> bool:
    names = [unit.name for unit in units]
    return names.index(name) > names.index(layers[0])


def _nearest(wanted: tuple[int, int], chunk: int, places: tuple[int, ...], stages: int) -> int:
    """The chunk on a stage of the range that is nearest to `chunk`."""
    low, high = (x + stages if x < 0 else x for x in wanted)
    fitting = [c for c, stage in enumerate(places) if low <= stage <= high]
    return min(fitting, key=lambda c: (abs(c - chunk), c), default=chunk)
