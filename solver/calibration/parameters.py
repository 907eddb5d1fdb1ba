"""What may be fitted: numbers of the devices and links of some specs, and the overlap they state.

A number is fitted as the logarithm of its ratio to what the hardware library says, so that it stays
positive, with a prior: rates are known to about 30 %, latencies and launches to a factor of two
(one standard deviation). Runs that do not tell a number leave it where it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from dsl.resolve.physics_names import is_described
from dsl.spec import Axis, Device, Link, Spec

What = Literal["compute", "attention", "memory", "launch", "bandwidth", "latency", "overlap"]

RATE_SPREAD = 0.3
LATENCY_SPREAD = 0.7
OVERLAP_SPREAD = 0.5
MOST_OVERLAP = 0.99


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number. `subject` is the precision of `compute` and the name of a link. On a described
    device it stands for all the numbers that it moves by one factor (`numbers_of`): `attention` is
    the share of the peak in the forward.

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
            "attention": "attention",
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
        peak = known.get(f"peak_{precision}_flop_per_s")
        wire = known.get("memory_bandwidth_bytes_per_s")
        rows: list[tuple[What, str, float, float | None, float]] = [
            ("compute", precision, device.flops[precision], peak, RATE_SPREAD),
            ("memory", "", device.memory_bandwidth, wire, RATE_SPREAD),
            ("launch", "", device.launch, None, LATENCY_SPREAD),
        ]
        if is_described(known):
            rows[0] = ("compute", precision, _sustained(device, precision), peak, RATE_SPREAD)
            rows[1] = ("memory", "", known["memory_efficiency"] * (wire or 0), wire, RATE_SPREAD)
            core = known["attention_efficiency_forward"]
            rows.insert(1, ("attention", "", core, 1.0, RATE_SPREAD))
        for link in _used(spec, device):
            stated, rate, wait = link.physics, link.bandwidth, link.latency
            top = stated.get("bandwidth_bytes_per_s")
            if is_described(known):
                rate, wait = stated["ring_efficiency"] * (top or 0), stated["base_simple_s"]
            rows.append(("bandwidth", link.name, rate, top, RATE_SPREAD))
            rows.append(("latency", link.name, wait, None, LATENCY_SPREAD))
        found += [Parameter(device.name, *row) for row in rows if row[2] > 0]
    overlap = spec.train.overlap
    if isinstance(overlap, float) and overlap > 0:
        found.append(Parameter("", "overlap", "", overlap, MOST_OVERLAP, OVERLAP_SPREAD))
    return found


def _sustained(device: Device, precision: str) -> float:
    """FLOP/s of large products on a described device."""
    share = device.physics.get(f"matmul_efficiency_{precision}")
    if share is None:
        return device.flops[precision]
    return device.physics[f"peak_{precision}_flop_per_s"] * share


def _used(spec: Spec, device: Device) -> list[Link]:
    """The links of a device that join devices of the mesh."""
    names = {link.name for part in spec.mesh.parts if part.size > 1 for link in part.links}
    return [link for link in device.links if link.name in names]


Values = Mapping[Parameter, float]


def with_values(spec: Spec, values: Values) -> Spec:
    """The spec on devices that have these numbers."""
    kinds = tuple(device_with(device, values) for device in spec.mesh.kinds)
    axes = tuple(_axis(axis, spec, values) for axis in spec.mesh.axes)
    changed = replace(spec, mesh=replace(spec.mesh, kinds=kinds, axes=axes))
    for parameter, value in values.items():
        if parameter.what == "overlap" and isinstance(spec.train.overlap, float):
            changed = replace(changed, train=replace(changed.train, overlap=value))
    return changed


def device_with(device: Device, values: Values) -> Device:
    """The device with these numbers, and with what it states of kernels and links moved along."""
    changed = device
    for parameter, value in values.items():
        if parameter.device == device.name:
            changed = _moved(changed, parameter, value / parameter.value)
    return replace(changed, links=tuple(_link(x, device.name, values) for x in device.links))


def _moved(device: Device, parameter: Parameter, ratio: float) -> Device:
    stated = _scaled(device.physics, numbers_of(parameter), ratio)
    match parameter.what:
        case "compute":
            rate = device.flops[parameter.subject] * ratio
            rate = min(rate, stated.get(f"peak_{parameter.subject}_flop_per_s", math.inf))
            return replace(device, flops={**device.flops, parameter.subject: rate}, physics=stated)
        case "memory":
            peak = stated.get("memory_bandwidth_bytes_per_s", math.inf)
            moved = min(peak, device.memory_bandwidth * ratio)
            return replace(device, memory_bandwidth=moved, physics=stated)
        case "launch":
            return replace(device, launch=device.launch * ratio, physics=stated)
        case _:
            return replace(device, physics=stated)


def numbers_of(parameter: Parameter) -> tuple[str, ...]:
    """The numbers of a described device or link that a parameter moves, all by one factor."""
    match parameter.what:
        case "compute":
            return (f"matmul_efficiency_{parameter.subject}",)
        case "attention":
            return ("attention_efficiency_forward", "attention_efficiency_backward")
        case "memory":
            return ("memory_efficiency",)
        case "launch":
            return ("launch_s",)
        case "bandwidth":
            shares = ("ring", "exchange", "send", "switch_reduction")
            return tuple(f"{name}_efficiency" for name in shares)
        case "latency":
            protocols = ("ll", "ll128", "simple")
            hops = tuple(f"{part}_{one}_s" for part in ("base", "hop") for one in protocols)
            return (*hops, "exchange_s", "send_s", "switch_reduction_s", "switch_tree_s")
        case "overlap":
            return ()


def _scaled(stated: Mapping[str, float], names: Iterable[str], ratio: float) -> Mapping[str, float]:
    """Shares cannot exceed one."""
    found = dict(stated)
    for name in names:
        if name in found:
            most = 1.0 if "_efficiency" in name else math.inf
            found[name] = min(most, found[name] * ratio)
    return found


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
    changed = link
    for parameter, value in values.items():
        if (parameter.device, parameter.subject) != (device, link.name):
            continue
        ratio = value / parameter.value
        stated = _scaled(changed.physics, numbers_of(parameter), ratio)
        if parameter.what == "bandwidth":
            wire = stated.get("bandwidth_bytes_per_s", math.inf)
            moved = min(wire, changed.bandwidth * ratio)
            changed = replace(changed, bandwidth=moved, physics=stated)
        elif parameter.what == "latency":
            changed = replace(changed, latency=changed.latency * ratio, physics=stated)
    return changed
