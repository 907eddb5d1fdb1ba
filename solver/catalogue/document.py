"""A catalogue as data, `mmp-library/1`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from solver.catalogue.offers import Library, Parameter

FORMAT = "mmp-library/1"
UNITS = {"time": "s", "bytes": "B", "bandwidth": "B/s", "rate": "FLOP/s"}
"""Type of a parameter -> the base unit of its values; all others have none."""


def document(libraries: Sequence[Library]) -> dict[str, Any]:
    """The fields of `offers`, JSON-ready; parameters with their `unit` ("" without)."""
    return {"format": FORMAT, "libraries": [_library(library) for library in libraries]}


def _library(library: Library) -> dict[str, Any]:
    modules = []
    for module in library.modules:
        offers = [
            {**asdict(offer), "parameters": _parameters(offer.parameters)}
            for offer in module.offers
        ]
        parameters = _parameters(module.parameters)
        modules.append({**asdict(module), "parameters": parameters, "offers": offers})
    return {**asdict(library), "modules": modules}


def _parameters(parameters: Sequence[Parameter]) -> list[dict[str, Any]]:
    return [{**asdict(one), "unit": UNITS.get(one.type, "")} for one in parameters]
