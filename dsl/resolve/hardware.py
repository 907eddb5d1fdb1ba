"""Devices and their links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve import units
from dsl.resolve.expressions import integer
from dsl.resolve.fields import efficiency, measure
from dsl.resolve.modules import Module
from dsl.resolve.physics import resolve_physics
from dsl.resolve.physics_names import DEVICE_NEEDS, LINK_NEEDS, is_described
from dsl.resolve.report import RejectedError, Reporter


def resolve_device(statement: syntax.Device, module: Module, report: Reporter) -> spec.Device:
    """A device with its effective rates.

    Every item is looked at before RejectedError; MMP411 for a missing memory or a second one.
    """
    items = statement.items
    flops: dict[str, float] = {}
    links: list[spec.Link] = []
    physics: dict[str, float] = {}
    capacity = bandwidth = launch = 0.0
    failed = _repeated(statement, report)
    for item in items:
        try:
            match item:
                case syntax.Compute():
                    rate = measure(
                        item.rate, units.RATE, module, report, "`compute`", positive=True
                    )
                    flops[item.precision.text] = rate * efficiency(item.efficiency, module, report)
                    physics[f"peak_{item.precision.text}_flop_per_s"] = rate
                case syntax.DeviceMemory():
                    capacity, peak, bandwidth = _memory(item, module, report)
                    physics |= {"memory_bytes": capacity, "memory_bandwidth_bytes_per_s": peak}
                case syntax.Launch():
                    launch = measure(item.time, units.TIME, module, report, "a launch time")
                    physics["launch_s"] = launch
                case syntax.Link():
                    links.append(_link(item, module, report))
                case syntax.Physics():
                    pass  # all together, below
        except RejectedError:
            failed = True
    try:
        stated = [item for item in items if isinstance(item, syntax.Physics)]
        physics |= resolve_physics(stated, module, report)
    except RejectedError:
        failed = True
    if failed:
        raise RejectedError(statement.name.text)
    if capacity == 0:
        message = f"device `{statement.name.text}` has no `memory`"
        raise report.error("MMP411", message, statement.name.span)
    name = statement.name.text
    span = statement.name.span
    if is_described(physics):
        _complete(statement, physics, links, report)
    return spec.Device(name, flops, capacity, bandwidth, launch, tuple(links), span, physics)


def _complete(
    statement: syntax.Device,
    physics: Mapping[str, float],
    links: Sequence[spec.Link],
    report: Reporter,
) -> None:
    """MMP411 where a described device, or one of its links, lacks a number that plans need."""
    subjects = [(f"device `{statement.name.text}`", DEVICE_NEEDS - physics.keys(), "every_device")]
    subjects += [(f"link `{x.name}`", LINK_NEEDS - x.physics.keys(), "every_link") for x in links]
    for subject, missing, whole in subjects:
        if missing:
            names = ", ".join(f"`{name}`" for name in sorted(missing)[:3])
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            message = f"{subject} lacks {names}{more}, which `sm_count` asks for"
            hint = f"`physics {whole}` of `hardware.physics` has all that no device tells apart"
            raise report.error("MMP411", message, statement.name.span, hint=hint)


def _repeated(statement: syntax.Device, report: Reporter) -> bool:
    """Whether the device says anything twice, after reporting it."""
    seen: dict[str, syntax.Compute | syntax.DeviceMemory | syntax.Launch | syntax.Link] = {}
    found = False
    for item in statement.items:
        if isinstance(item, syntax.Physics):
            continue
        match item:
            case syntax.Compute(precision=name):
                key = f"compute {name.text}"
            case syntax.Link(name=name):
                key = f"link {name.text}"
            case syntax.DeviceMemory():
                key = "memory"
            case syntax.Launch():
                key = "launch"
        if key in seen:
            label = Label(seen[key].span, "first given here")
            report.error("MMP411", f"`{key}` is given twice", item.span, label)
            found = True
        seen.setdefault(key, item)
    return found


def _memory(
    item: syntax.DeviceMemory, module: Module, report: Reporter
) -> tuple[float, float, float]:
    """Capacity, peak bandwidth, and the bandwidth that is reached."""
    capacity = measure(
        item.capacity, units.BYTES, module, report, "a memory capacity", positive=True
    )
    peak = measure(
        item.bandwidth, units.BANDWIDTH, module, report, "a memory bandwidth", positive=True
    )
    return capacity, peak, peak * efficiency(item.efficiency, module, report)


def _link(item: syntax.Link, module: Module, report: Reporter) -> spec.Link:
    among = None
    if item.among is not None:
        among = integer(item.among, module, report, 2, "the number of devices a link joins")
    peak = measure(item.bandwidth, units.BANDWIDTH, module, report, "a bandwidth", positive=True)
    latency = measure(item.latency, units.TIME, module, report, "a latency")
    reached = peak * efficiency(item.efficiency, module, report)
    physics = {"bandwidth_bytes_per_s": peak, **resolve_physics(item.items, module, report)}
    return spec.Link(item.name.text, among, reached, latency, physics)
