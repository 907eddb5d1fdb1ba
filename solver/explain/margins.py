"""What more hardware would bring: the spec with one more GiB, one more node, twice the link.

Everything else stays: the batch, the pins, the limits (but for the memory limit, which grows with
the memory). Pins over a whole axis are then over the whole larger axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from dsl.resolve.mesh import prime_factors
from dsl.spec import Axis, CutOver, Device, Link, Pin, Run, Spec, StoredOver, SubAxis

GIB = 2.0**30
Sort = Literal["memory", "node", "link"]


@dataclass(frozen=True, slots=True)
class Margin:
    """A change in words, and the spec with it; `spec` None: it cannot be asked, and `why` says why.

    `is_same_mesh`: plans of the spec are plans of this one too."""

    sort: Sort
    change: str
    spec: Spec | None
    why: str = ""
    is_same_mesh: bool = True


def margins(spec: Spec) -> tuple[Margin, ...]:
    """Memory first, then the outermost axis, then the links from the fastest to the widest."""
    return (more_memory(spec, GIB, "1 GiB"), *_more_nodes(spec), *_faster_links(spec))


def more_memory(spec: Spec, extra: float, words: str) -> Margin:
    """Every device and every hard limit on memory with so many bytes more."""
    kinds = tuple(replace(k, memory_bytes=k.memory_bytes + extra) for k in spec.mesh.kinds)
    limits = tuple(
        replace(limit, value=limit.value + extra)
        if limit.quantity == "memory" and limit.weight is None
        else limit
        for limit in spec.limits
    )
    changed = replace(spec, mesh=replace(spec.mesh, kinds=kinds), limits=limits)
    return Margin("memory", f"{words} more memory per device", changed)


# ---- links ---------------------------------------------------------------------------------


def _faster_links(spec: Spec) -> Iterator[Margin]:
    used = {link.name for part in spec.mesh.parts for link in part.links}
    names = dict.fromkeys(
        link.name for kind in spec.mesh.kinds for link in kind.links if link.name in used
    )
    for name in names:
        kinds = tuple(_faster_device(kind, name) for kind in spec.mesh.kinds)
        axes = tuple(
            replace(
                axis,
                parts=tuple(
                    replace(part, links=tuple(_faster(link, name) for link in part.links))
                    for part in axis.parts
                ),
            )
            for axis in spec.mesh.axes
        )
        changed = replace(spec, mesh=replace(spec.mesh, kinds=kinds, axes=axes))
        yield Margin("link", f"twice the bandwidth of {name}", changed)


def _faster_device(device: Device, name: str) -> Device:
    return replace(device, links=tuple(_faster(link, name) for link in device.links))


def _faster(link: Link, name: str) -> Link:
    """The link with twice the rate where it has this name; shares of the wire stay."""
    if link.name != name:
        return link
    physics: Mapping[str, float] = {
        key: 2 * value if key.endswith("bytes_per_s") else value
        for key, value in link.physics.items()
    }
    return replace(link, bandwidth=2 * link.bandwidth, physics=physics)


# ---- nodes ---------------------------------------------------------------------------------


def _more_nodes(spec: Spec) -> Iterator[Margin]:
    """One more of the outermost axis (of every kind of devices, in a mesh of several), and twice
    as many: a number that divides nothing brings little."""
    axis = spec.mesh.axes[0]
    noun = axis.name
    for kind, device in enumerate(spec.mesh.kinds):
        of = f" of {device.name}" if len(spec.mesh.kinds) > 1 else ""
        runs = _one_more(spec.mesh.runs, kind)
        yield _with_nodes(spec, f"one more {noun}{of}", axis.size + 1, runs)
    runs = tuple(replace(run, count=2 * run.count) for run in spec.mesh.runs)
    yield _with_nodes(spec, f"twice as many on axis {noun}", 2 * axis.size, runs)


def _one_more(runs: tuple[Run, ...], kind: int) -> tuple[Run, ...]:
    last = max((at for at, run in enumerate(runs) if run.kind == kind), default=-1)
    return tuple(replace(r, count=r.count + 1) if at == last else r for at, r in enumerate(runs))


def _with_nodes(spec: Spec, words: str, size: int, runs: tuple[Run, ...]) -> Margin:
    words = f"{words} ({size})"
    outer = spec.mesh.axes[0]
    reason = _why_not(spec, outer)
    axis = None if reason else _resized(spec, outer, size)
    if axis is None:
        return Margin("node", words, None, reason or "no link of its devices joins so many", False)
    mesh = replace(spec.mesh, axes=(axis, *spec.mesh.axes[1:]), runs=runs)
    old, new = _names(outer), _names(axis)
    pins = tuple(_over_all(pin, old, new) for pin in spec.pins)
    pipeline = spec.train.pipeline
    if pipeline.parts is not None:
        pipeline = replace(pipeline, parts=_renamed(pipeline.parts, old, new))
    train = replace(spec.train, pipeline=pipeline)
    return Margin("node", words, replace(spec, mesh=mesh, pins=pins, train=train), "", False)


def _why_not(spec: Spec, axis: Axis) -> str:
    """Why the axis cannot be made longer: something names parts of it."""
    names = set(_names(axis))
    variants = [variant for operator in spec.graph.operators for variant in operator.variants]
    if any(names & set(parts) for variant in variants for _, parts in variant.cuts):
        return f"measured operators are laid out over {axis.name}"
    lists = [r.parts for pin in spec.pins for r in pin.requirements if isinstance(r, _OVER)]
    lists.append(spec.train.pipeline.parts or ())
    if any(0 < len(names & set(parts)) < len(names) for parts in lists):
        return f"pins name parts of {axis.name}"
    return ""


_OVER = (CutOver, StoredOver)


def _names(axis: Axis) -> tuple[str, ...]:
    return tuple(part.name for part in axis.parts)


def _resized(spec: Spec, axis: Axis, size: int) -> Axis | None:
    """The outermost axis with another size; None where no link joins so many devices."""
    named = axis.parts[0].links if _is_named(spec, axis) else None
    inside = spec.mesh.devices // axis.size
    primes = prime_factors(size)
    parts: list[SubAxis] = []
    for number in reversed(range(len(primes))):
        inside *= primes[number]
        links = tuple(_first(device, inside) for device in spec.mesh.kinds)
        if named is None and any(link is None for link in links):
            return None
        there = tuple(link for link in links if link is not None)
        parts.append(SubAxis(f"{axis.name}.{number}", axis.name, primes[number], named or there))
    return Axis(axis.name, size, tuple(reversed(parts)))


def _is_named(spec: Spec, axis: Axis) -> bool:
    """Whether the mesh names the links of the axis, in place of the first that join as many."""
    inside = spec.mesh.devices // axis.size
    for part in reversed(axis.parts):
        inside *= part.size
        if part.links != tuple(_first(device, inside) for device in spec.mesh.kinds):
            return True
    return False


def _first(device: Device, count: int) -> Link | None:
    """The first link of a device that joins so many neighbours."""
    return next((x for x in device.links if x.among is None or x.among >= count), None)


def _over_all(pin: Pin, old: tuple[str, ...], new: tuple[str, ...]) -> Pin:
    requirements = tuple(
        replace(r, parts=_renamed(r.parts, old, new)) if isinstance(r, _OVER) else r
        for r in pin.requirements
    )
    return replace(pin, requirements=requirements)


def _renamed(parts: tuple[str, ...], old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """The sub-axes with all of the old axis replaced by all of the new one; none where the axis
    had no parts, since a pin over one device asks nothing."""
    if not old or not set(old) <= set(parts):
        return parts
    return (*new, *(part for part in parts if part not in old))
