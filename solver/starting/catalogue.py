"""The models and devices of the standard library that a first spec can be made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from dsl.resolve.files import STDLIB
from dsl.syntax import Compute, Device, DeviceMemory, Expr, File, Link, Model, Parameter, Quantity
from dsl.text.parser import parse_bytes

_AXES = {"hardware.huawei": "npu", "hardware.abstract": "rank"}
_PRECISIONS = ("bf16", "fp16", "fp32")
_DEFAULT_AXIS = "gpu"


@dataclass(frozen=True, slots=True)
class Preset:
    """A model that needs no more than a batch; `seq` is its default length in tokens, None where it
    has no such parameter."""

    name: str
    module: str
    seq: int | None


@dataclass(frozen=True, slots=True)
class Machine:
    """A device: `per_node` neighbours share its fastest link (None: any number), `memory_gib` is
    its capacity in GiB (None: given in another unit), `axis` what one of them is called, and
    `precision` the usual one that it computes in."""

    name: str
    module: str
    per_node: int | None
    memory_gib: float | None
    axis: str
    precision: str


@cache
def presets() -> dict[str, Preset]:
    """The models by name, sorted."""
    found = {
        statement.name.text: Preset(statement.name.text, module, _default(statement, "seq"))
        for module, file in _files("models")
        for statement in file.statements
        if isinstance(statement, Model) and statement.base is not None and _is_preset(statement)
    }
    return dict(sorted(found.items()))


@cache
def machines() -> dict[str, Machine]:
    """The devices by name, sorted."""
    found = {
        statement.name.text: _machine(statement, module)
        for module, file in _files("hardware")
        for statement in file.statements
        if isinstance(statement, Device)
    }
    return dict(sorted(found.items()))


def _files(folder: str) -> Iterator[tuple[str, File]]:
    """(dotted name of the module, its tree) of the library's files in a folder."""
    for path in sorted((STDLIB / folder).glob("*.mmp")):
        file, _ = parse_bytes(path.read_bytes(), str(path))
        yield f"{folder}.{path.stem}", file


def _is_preset(model: Model) -> bool:
    needed = [p.name.text for p in model.parameters if p.default is None]
    return needed == ["batch"]


def _default(model: Model, name: str) -> int | None:
    return next((_whole(p) for p in model.parameters if p.name.text == name), None)


def _whole(parameter: Parameter) -> int | None:
    default = parameter.default
    return int(default.value) if isinstance(default, Quantity) and not default.unit else None


def _machine(device: Device, module: str) -> Machine:
    links = [item for item in device.items if isinstance(item, Link)]
    memory = next(item for item in device.items if isinstance(item, DeviceMemory))
    rates = [item.precision.text for item in device.items if isinstance(item, Compute)]
    return Machine(
        device.name.text,
        module,
        int(number) if links and (number := _number(links[0].among, "")) else None,
        _number(memory.capacity, "GiB"),
        _AXES.get(module, _DEFAULT_AXIS),
        next(name for name in (*_PRECISIONS, *rates) if name in rates),
    )


def _number(value: Expr | None, unit: str) -> float | None:
    return value.value if isinstance(value, Quantity) and value.unit == unit else None
