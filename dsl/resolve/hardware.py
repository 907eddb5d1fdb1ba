"""Devices, links and the mesh with its prime sub-axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve import units
from dsl.resolve.expressions import integer
from dsl.resolve.fields import efficiency, measure
from dsl.resolve.modules import Module
from dsl.resolve.report import RejectedError, Reporter
from dsl.suggest import did_you_mean

LARGEST_AXIS = 2**20
"""More devices than any cluster has; keeps the factoring of a slip short."""


def resolve_device(statement: syntax.Device, module: Module, report: Reporter) -> spec.Device:
    """A device with its effective rates.

    Every item is looked at before RejectedError; MMP411 for a missing memory or a second one.
    """
    items = statement.items
    flops: dict[str, float] = {}
    links: list[spec.Link] = []
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
                case syntax.DeviceMemory():
                    capacity, bandwidth = _memory(item, module, report)
                case syntax.Launch():
                    launch = measure(item.time, units.TIME, module, report, "a launch time")
                case syntax.Link():
                    links.append(_link(item, module, report))
        except RejectedError:
            failed = True
    if failed:
        raise RejectedError(statement.name.text)
    if capacity == 0:
        message = f"device `{statement.name.text}` has no `memory`"
        raise report.error("MMP411", message, statement.name.span)
    name = statement.name.text
    return spec.Device(name, flops, capacity, bandwidth, launch, tuple(links), statement.name.span)


def _repeated(statement: syntax.Device, report: Reporter) -> bool:
    """Whether the device says anything twice, after reporting it."""
    seen: dict[str, syntax.Compute | syntax.DeviceMemory | syntax.Launch | syntax.Link] = {}
    found = False
    for item in statement.items:
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


def _memory(item: syntax.DeviceMemory, module: Module, report: Reporter) -> tuple[float, float]:
    capacity = measure(
        item.capacity, units.BYTES, module, report, "a memory capacity", positive=True
    )
    peak = measure(
        item.bandwidth, units.BANDWIDTH, module, report, "a memory bandwidth", positive=True
    )
    return capacity, peak * efficiency(item.efficiency, module, report)


def _link(item: syntax.Link, module: Module, report: Reporter) -> spec.Link:
    among = None
    if item.among is not None:
        among = integer(item.among, module, report, 2, "the number of devices a link joins")
    peak = measure(item.bandwidth, units.BANDWIDTH, module, report, "a bandwidth", positive=True)
    latency = measure(item.latency, units.TIME, module, report, "a latency")
    return spec.Link(
        item.name.text, among, peak * efficiency(item.efficiency, module, report), latency
    )


def prime_factors(number: int) -> list[int]:
    """The prime factors in ascending order; empty for 1."""
    factors: list[int] = []
    candidate = 2
    while candidate * candidate <= number:
        while number % candidate == 0:
            factors.append(candidate)
            number //= candidate
        candidate += 1
    if number > 1:
        factors.append(number)
    return factors


def resolve_mesh(statement: syntax.Mesh, module: Module, report: Reporter) -> spec.Mesh:
    """The mesh, each axis split into prime sub-axes with the link that joins them.

    Errors: MMP404 (axis named twice), MMP405 (no link reaches), MMP206 (no devices).
    """
    home, declared = module.declaration(statement.device, syntax.Device)
    with report.within(statement.device.span, "used here"):
        device = resolve_device(declared, home, report)
    sizes = _axis_sizes(statement.axes, module, report)
    axes: list[spec.Axis] = []
    inside = 1
    for axis in reversed(statement.axes):
        name, size = axis.name.text, sizes[axis.name.text]
        parts: list[spec.SubAxis] = []
        primes = prime_factors(size)
        for part in reversed(range(len(primes))):
            inside *= primes[part]
            link = _reaching(axis, device, inside, report)
            parts.append(spec.SubAxis(f"{name}.{part}", name, primes[part], link))
        axes.append(spec.Axis(name, size, tuple(reversed(parts))))
    return spec.Mesh(statement.name.text, device, tuple(reversed(axes)), statement.span)


def _axis_sizes(
    axes: Sequence[syntax.MeshAxis], module: Module, report: Reporter
) -> Mapping[str, int]:
    sizes: dict[str, int] = {}
    spans: dict[str, syntax.Name] = {}
    for axis in axes:
        name = axis.name
        if name.text in spans:
            label = Label(spans[name.text].span, "first here")
            raise report.error(
                "MMP404", f"two mesh axes are called `{name.text}`", name.span, label
            )
        spans[name.text] = name
        size = integer(axis.size, module, report, 1, f"the size of axis `{name.text}`")
        if size > LARGEST_AXIS:
            message = f"axis `{name.text}` has {size} devices, more than {LARGEST_AXIS}"
            raise report.error("MMP206", message, axis.size.span)
        sizes[name.text] = size
    return sizes


def _reaching(
    axis: syntax.MeshAxis, device: spec.Device, inside: int, report: Reporter
) -> spec.Link:
    """The link that joins `inside` neighbouring devices: the axis' own, or the device's first."""
    if axis.link is not None:
        for link in device.links:
            if link.name == axis.link.text:
                return link
        names = [link.name for link in device.links]
        hint = did_you_mean(axis.link.text, names) or "it has " + ", ".join(names)
        message = f"device `{device.name}` has no link `{axis.link.text}`"
        raise report.error("MMP405", message, axis.link.span, Label(device.span, "here"), hint=hint)
    for link in device.links:
        if link.among is None or link.among >= inside:
            return link
    message = f"no link of `{device.name}` joins {inside} devices"
    raise report.error(
        "MMP405", message, axis.span, Label(device.span, "its links are declared here")
    )


def sub_axes(axes: Sequence[syntax.AxisName], mesh: spec.Mesh, report: Reporter) -> tuple[str, ...]:
    """The names of the prime sub-axes that mesh axes and sub-axes stand for, in mesh order.

    Errors: MMP403 (unknown axis or sub-axis), MMP410 (one named twice).
    """
    chosen: dict[str, syntax.AxisName] = {}
    for axis in axes:
        for part in _parts_of(axis, mesh, report):
            if part in chosen:
                label = Label(chosen[part].span, "first here")
                raise report.error("MMP410", f"`{part}` is named twice", axis.span, label)
            chosen[part] = axis
    return tuple(part.name for part in mesh.parts if part.name in chosen)


def _parts_of(axis: syntax.AxisName, mesh: spec.Mesh, report: Reporter) -> list[str]:
    name = axis.name.text
    for candidate in mesh.axes:
        if candidate.name != name:
            continue
        if axis.part is None:
            return [part.name for part in candidate.parts]
        if axis.part < len(candidate.parts):
            return [candidate.parts[axis.part].name]
        have = ", ".join(f"`{part.name}`" for part in candidate.parts) or "none"
        message = f"axis `{name}` of size {candidate.size} has no sub-axis {axis.part}"
        raise report.error("MMP403", message, axis.span, hint=f"its prime sub-axes: {have}")
    names = [candidate.name for candidate in mesh.axes]
    hint = did_you_mean(name, names) or "axes are " + ", ".join(f"`{n}`" for n in names)
    label = Label(mesh.span, "the mesh")
    raise report.error("MMP403", f"the mesh has no axis `{name}`", axis.name.span, label, hint=hint)
