"""The mesh: its axes, their prime sub-axes, and which devices and links they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve.expressions import integer
from dsl.resolve.hardware import resolve_device
from dsl.resolve.modules import Module
from dsl.resolve.report import Reporter
from dsl.suggest import did_you_mean

LARGEST_AXIS = 2**20
"""More devices than any cluster has; keeps the factoring of a slip short."""


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
    """The mesh, each axis split into prime sub-axes with the links that join them.

    Errors: MMP404 (axis named twice), MMP405 (no link reaches), MMP206 (no devices), MMP422 (no
    device, or one not where it can be).
    """
    kinds, runs = _devices(statement, module, report)
    sizes = _axis_sizes(statement.axes, module, report)
    axes: list[spec.Axis] = []
    inside = 1
    for axis in reversed(statement.axes):
        name, size = axis.name.text, sizes[axis.name.text]
        parts: list[spec.SubAxis] = []
        primes = prime_factors(size)
        for part in reversed(range(len(primes))):
            inside *= primes[part]
            links = tuple(_reaching(axis, kind, inside, report) for kind in kinds)
            parts.append(spec.SubAxis(f"{name}.{part}", name, primes[part], links))
        axes.append(spec.Axis(name, size, tuple(reversed(parts))))
    there = runs if len(kinds) > 1 else ()
    return spec.Mesh(statement.name.text, kinds, tuple(reversed(axes)), statement.span, there)


def _devices(
    statement: syntax.Mesh, module: Module, report: Reporter
) -> tuple[tuple[spec.Device, ...], tuple[spec.Run, ...]]:
    """The different devices in the order they are first named, and what the outermost axis lists.

    MMP422 unless one device stands before the axes, or the outermost axis alone lists them.
    """
    outermost, *inner = statement.axes
    for axis in inner:
        if axis.runs:
            message = f"axis `{axis.name.text}` cannot list devices"
            hint = f"write them on the outermost axis, `{outermost.name.text}`"
            label = Label(outermost.span, "the outermost axis")
            raise report.error("MMP422", message, axis.span, label, hint=hint)
    if statement.device is None and not outermost.runs:
        message = f"mesh `{statement.name.text}` has no device"
        hint = "write `h100_sxm[gpu: 8]`, or `[gpu: 4 of h100_sxm + 4 of h200]`"
        raise report.error("MMP422", message, statement.name.span, hint=hint)
    if statement.device is not None:
        if outermost.runs:
            label = Label(statement.device.span, "first said here")
            message = "the devices of the mesh are said twice"
            raise report.error("MMP422", message, outermost.span, label)
        return (_device(statement.device, module, report),), ()
    kinds: list[spec.Device] = []
    runs: list[spec.Run] = []
    for run in outermost.runs:
        device = _device(run.device, module, report)
        if device not in kinds:
            kinds.append(device)
        count = integer(run.count, module, report, 1, f"how many `{device.name}` there are")
        runs.append(spec.Run(kinds.index(device), count))
    return tuple(kinds), tuple(runs)


def _device(path: syntax.Selector, module: Module, report: Reporter) -> spec.Device:
    home, declared = module.declaration(path, syntax.Device)
    with report.within(path.span, "used here"):
        return resolve_device(declared, home, report)


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
        terms = [axis.size] if axis.size is not None else [run.count for run in axis.runs]
        what = f"the size of axis `{name.text}`"
        size = sum(integer(term, module, report, 1, what) for term in terms)
        if size > LARGEST_AXIS:
            message = f"axis `{name.text}` has {size} devices, more than {LARGEST_AXIS}"
            raise report.error("MMP206", message, terms[0].span.to(terms[-1].span))
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


def dividing(mesh: spec.Mesh) -> tuple[spec.SubAxis, ...]:
    """The sub-axes along which devices change their kind. Stages have devices of one kind each
    exactly where all of these are given to the pipeline: a coordinate of any other sub-axis can be
    changed without changing the kind."""
    kinds = [run.kind for run in mesh.runs for _ in range(run.count)]
    found: list[spec.SubAxis] = []
    stride = 1
    for part in reversed(mesh.axes[0].parts if mesh.runs else ()):
        width = stride * part.size
        blocks = (kinds[start : start + width] for start in range(0, len(kinds), width))
        if any(block[stride:] != block[:-stride] for block in blocks):
            found.append(part)
        stride = width
    return tuple(reversed(found))


def sub_axes(axes: Sequence[syntax.AxisName], mesh: spec.Mesh, report: Reporter) -> tuple[str, ...]:
    """The names of the prime sub-axes that mesh axes and sub-axes stand for, in mesh order.

    Errors: MMP403 (unknown axis or sub-axis), MMP410 (one named twice).
    """
    chosen: dict[str, syntax.AxisName] = {}
    for axis in axes:
        for part in _parts_of(axis, mesh, report):
            if part in chosen:
                label = Label(chosen[part].span, "first here")
                hint = f"leave it out here: `{chosen[part].name.text}` was named before"
                message = f"`{part}` is named twice"
                raise report.error("MMP410", message, axis.span, label, hint=hint)
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
