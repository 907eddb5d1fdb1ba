"""What may be fitted: numbers of the devices and links of some specs, and the overlap they state.

A number is fitted as the logarithm of its ratio to what the hardware library says, so that it stays
positive, with a prior: rates are known to about 30 %, latencies and launches to a factor of two
(one standard deviation). Runs that do not tell a number leave it where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from dsl.spec import Axis, Device, Link, Spec

What = Literal["compute", "memory", "launch", "bandwidth", "latency", "overlap"]

RATE_SPREAD = 0.3
LATENCY_SPREAD = 0.7
OVERLAP_SPREAD = 0.5
MOST_OVERLAP = 0.99


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number. `subject` is the precision of `compute` and the name of a link.

    `value` is what the library or the spec says, in SI units; `most` what it cannot exceed (a peak,
    None where none is known); `spread` is the prior's standard deviation of its logarithm.
    """

    device: str
    what: What
    subject: str
    value: float
    most: float | None
    spread: float

    @property
    def name(self) -> str:
        """As reports call it."""
        if self.what == "overlap":
            return "overlap"
        words = {
            "compute": f"compute {self.subject}",
            "memory": "memory bandwidth",
            "launch": "launch",
            "bandwidth": f"{self.subject} bandwidth",
            "latency": f"{self.subject} latency",
        }
        return f"{self.device} {words[self.what]}"


def parameters_of(specs: Iterable[Spec]) -> tuple[Parameter, ...]:
    """The numbers that the specs' times can depend on, each once, in the order of the specs."""
    found: dict[tuple[str, str, str], Parameter] = {}
    for spec in specs:
        for one in _of_spec(spec):
            found.setdefault((one.device, one.what, one.subject), one)
    return tuple(found.values())


def _of_spec(spec: Spec) -> list[Parameter]:
    precision = spec.train.precision.computes
    found = []
    for device in spec.mesh.kinds:
        known = device.physics
        rows: list[tuple[What, str, float, float | None, float]] = [
            (
                "compute",
                precision,
                device.flops[precision],
                known.get(f"peak_{precision}_flop_per_s"),
                RATE_SPREAD,
            ),
            (
                "memory",
                "",
                device.memory_bandwidth,
                known.get("memory_bandwidth_bytes_per_s"),
                RATE_SPREAD,
            ),
            ("launch", "", device.launch, None, LATENCY_SPREAD),
        ]
        for link in _used(spec, device):
            wire = link.physics.get("bandwidth_bytes_per_s")
            rows.append(("bandwidth", link.name, link.bandwidth, wire, RATE_SPREAD))
            rows.append(("latency", link.name, link.latency, None, LATENCY_SPREAD))
        found += [Parameter(device.name, *row) for row in rows if row[2] > 0]
    overlap = spec.train.overlap
    if isinstance(overlap, float) and overlap > 0:
        found.append(Parameter("", "overlap", "", overlap, MOST_OVERLAP, OVERLAP_SPREAD))
    return found


def _used(spec: Spec, device: Device) -> list[Link]:
    """The links of a device that join devices of the mesh."""
    names = {link.name for part in spec.mesh.parts if part.size > 1 for link in part.links}
    return [link for link in device.links if link.name in names]


Values = Mapping[Parameter, float]


def with_values(spec: Spec, values: Values) -> Spec:
    """The spec on devices that have these numbers."""
    kinds = tuple(_device(device, values) for device in spec.mesh.kinds)
    axes = tuple(_axis(axis, spec, values) for axis in spec.mesh.axes)
    changed = replace(spec, mesh=replace(spec.mesh, kinds=kinds, axes=axes))
    for parameter, value in values.items():
        if parameter.what == "overlap" and isinstance(spec.train.overlap, float):
            changed = replace(changed, train=replace(changed.train, overlap=value))
    return changed


def _device(device: Device, values: Values) -> Device:
    own = {(p.what, p.subject): v for p, v in values.items() if p.device == device.name}
    flops = {name: own.get(("compute", name), rate) for name, rate in device.flops.items()}
    return replace(
        device,
        flops=flops,
        memory_bandwidth=own.get(("memory", ""), device.memory_bandwidth),
        launch=own.get(("launch", ""), device.launch),
        links=tuple(_link(link, device.name, values) for link in device.links),
    )


def _axis(axis: Axis, spec: Spec, values: Values) -> Axis:
    names = [device.name for device in spec.mesh.kinds]
    parts = tuple(
        replace(
            part,
            links=tuple(
                _link(link, name, values) for link, name in zip(part.links, names, strict=True)
            ),
        )
        for part in axis.parts
    )
    return replace(axis, parts=parts)


def _link(link: Link, device: str, values: Values) -> Link:
    own = {(p.what, p.subject): v for p, v in values.items() if p.device == device}
    return replace(
        link,
        bandwidth=own.get(("bandwidth", link.name), link.bandwidth),
        latency=own.get(("latency", link.name), link.latency),
    )
