"""What the cost rules know about one device type: named numbers, in SI units.

Every rule of this folder takes a `DevicePhysics` and asks for its numbers by name. A name carries
its unit at the end: `_per_s`, `_s`, `_bytes`; without one it is a ratio. The numbers are those of
the hardware library (`stdlib/hardware`): what a device declares, and its `physics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from dsl.resolve.library import Hardware, library_hardware
from dsl.spec import Device, Link


@dataclass(frozen=True, eq=False)
class LinkPhysics:
    """A link of a device, one direction. `among` neighbours are joined by it (None: any number).

    `bandwidth_bytes_per_s` is the wire rate of the data sheet, per device; `numbers` are the
    fitted and measured ones (efficiencies, latencies).
    """

    name: str
    among: int | None
    bandwidth_bytes_per_s: float
    numbers: Mapping[str, float]

    def number(self, name: str) -> float:
        """A named number; KeyError where the link has none of that name."""
        return self.numbers[name]


@dataclass(frozen=True, eq=False)
class DevicePhysics:
    """A device type; compared and hashed by identity, so that results can be cached by it.

    `links` go from the fastest (inside a node) to the widest (between nodes).
    """

    name: str
    numbers: Mapping[str, float]
    links: tuple[LinkPhysics, ...]

    def number(self, name: str) -> float:
        """A named number; KeyError where the device has none of that name."""
        return self.numbers[name]

    def computes(self, precision: str) -> bool:
        """Whether it has a rate for a precision of `peak_flop_per_s`."""
        return f"peak_{precision}_flop_per_s" in self.numbers

    def peak_flop_per_s(self, precision: str) -> float:
        """Dense peak of the data sheet. `precision` is one of bf16, fp16, tf32, fp32, fp8, fp4."""
        return self.number(f"peak_{precision}_flop_per_s")

    @property
    def memory_bandwidth_bytes_per_s(self) -> float:
        """Peak of the data sheet."""
        return self.number("memory_bandwidth_bytes_per_s")

    @property
    def memory_bytes(self) -> float:
        """What a process can use."""
        return self.number("memory_bytes")

    @property
    def inner(self) -> LinkPhysics:
        """The link inside a node (or inside a rack-wide domain)."""
        return self.links[0]

    @property
    def outer(self) -> LinkPhysics:
        """The link between nodes."""
        return self.links[-1]

    def with_numbers(self, **numbers: float) -> DevicePhysics:
        """The same device with some numbers changed: for fits, and for what a row states."""
        return replace(self, numbers={**self.numbers, **numbers})

    def with_network(self, name: str) -> DevicePhysics:
        """The same device on a network of another kind, at the same wire rate."""
        sets = _hardware().physics
        outer = replace(self.outer, name=name, numbers={**sets["every_link"], **sets[name]})
        return replace(self, links=(*self.links[:-1], outer))

    def with_outer_bandwidth(self, bytes_per_s: float) -> DevicePhysics:
        """The same device on another network."""
        outer = replace(self.outer, bandwidth_bytes_per_s=bytes_per_s)
        return replace(self, links=(*self.links[:-1], outer))


@cache
def _hardware() -> Hardware:
    return library_hardware()


@cache
def device_physics(name: str) -> DevicePhysics:
    """The device of that name in the library; KeyError where there is none."""
    return physics_of(_hardware().devices[name])


def physics_of(device: Device) -> DevicePhysics:
    """What a device and its links state."""
    links = tuple(link_physics(link) for link in device.links)
    return DevicePhysics(device.name, device.physics, links)


def link_physics(link: Link) -> LinkPhysics:
    """What a link states."""
    bandwidth = link.physics["bandwidth_bytes_per_s"]
    return LinkPhysics(link.name, link.among, bandwidth, link.physics)
