"""The hardware of the standard library, resolved without a spec around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsl import spec, syntax
from dsl.diagnostic import DiagnosticError
from dsl.resolve.depth import room_for_recursion
from dsl.resolve.files import STDLIB, Files, library, library_modules
from dsl.resolve.hardware import resolve_device
from dsl.resolve.imports import Loader
from dsl.resolve.libraries import Libraries
from dsl.resolve.physics import resolve_physics_set
from dsl.resolve.report import Reporter


@dataclass(frozen=True, slots=True)
class Hardware:
    """Every device and every set of physics under `stdlib/hardware`, by name."""

    devices: Mapping[str, spec.Device]
    physics: Mapping[str, Mapping[str, float]]


def library_hardware() -> Hardware:
    """Read all of `stdlib/hardware`. Raises DiagnosticError where it has errors."""
    report = Reporter()
    files = Files(report)
    loader = Loader(files, report, Libraries(files, report, STDLIB))
    devices: dict[str, spec.Device] = {}
    physics: dict[str, Mapping[str, float]] = {}
    with room_for_recursion():
        for name in library_modules():
            if not name.startswith("hardware."):
                continue
            module = loader.load_library(library(name))
            for statement in module.file.statements:
                match statement:
                    case syntax.Device():
                        found = resolve_device(statement, module, report)
                        devices[found.name] = found
                    case syntax.PhysicsSet():
                        numbers = resolve_physics_set(statement, module, report)
                        physics[statement.name.text] = numbers
    if report.errors:
        raise DiagnosticError(tuple(report.diagnostics))
    return Hardware(devices, physics)
