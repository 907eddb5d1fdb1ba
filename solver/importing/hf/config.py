"""The fields of one configuration, as the families ask for them.

A field that is missing or wrong is noted and a harmless value given back, so that one reading
finds all of them. `null` is what is not there, as in transformers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from dsl.suggest import did_you_mean
from solver.instance.findings import Findings
from solver.instance.tree import Odd

LARGEST = 2**40  # above any size of a model
SHOWN = 60  # characters of a value in a message


@dataclass(slots=True)
class Config:
    """Fields by name; what was wrong, what differs, and which fields were asked for."""

    fields: dict[str, Any]
    errors: Findings = field(default_factory=Findings)
    warnings: Findings = field(default_factory=Findings)
    remarks: list[str] = field(default_factory=list)  # comments of the written file
    asked: set[str] = field(default_factory=set)

    def value(self, name: str) -> Any:
        """A field as it stands, None where there is none."""
        self.asked.add(name)
        return self.fields.get(name)

    def size(
        self, name: str, what: str, default: int | None = None, low: int = 1, high: int = LARGEST
    ) -> int:
        """A whole number of `low` to `high`; `what` is what the library model has it for."""
        value = self.value(name)
        if value is None:
            if default is None:
                self._missing(name, what)
                return low
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong(name, "a whole number")
            return low
        if not low <= value <= high:
            self.errors.add("MMP704", (name,), f"{shown(value)}, expected {low} to {high}")
            return low
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(name, "true or false")
            return default
        return value

    def share(self, name: str, default: float) -> float:
        """A number of 0 to 1."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.wrong(name, "a number")
            return default
        if not 0 <= value <= 1:
            self.errors.add("MMP704", (name,), f"{shown(value)}, expected 0 to 1")
            return default
        return float(value)

    def text(self, name: str, default: str) -> str:
        """A text."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self.wrong(name, "a text")
            return default
        return value

    def wrong(self, name: str, expected: str) -> None:
        """Note a value of the wrong kind."""
        message = f"{shown(self.fields[name])}, expected {expected}"
        self.errors.add("MMP703", (name,), message)

    def fits(self, name: str, is_met: bool, message: str) -> None:
        """Note that a number does not fit others, where nothing else was wrong before."""
        if not is_met and not self.errors.all:
            self.errors.add("MMP704", (name,), message)

    def beyond(self, name: str, message: str) -> None:
        """Note what the library model cannot express."""
        self.errors.add("MMP706", (name,), message)

    def remark(self, name: str, message: str) -> None:
        """Say in the written file what is left out there without changing any price."""
        value = self.fields.get(name)
        of_it = "" if isinstance(value, dict | list) else f" {shown(value)}"
        self.remarks.append(f"{name}{of_it}: {message}.")

    def differs(self, name: str, message: str) -> None:
        """Say in the file and to the user where the library model differs from the real one."""
        self.remark(name, message)
        self.warnings.add("MMP707", (name,), f"{shown(self.fields.get(name))}: {message}")

    def _missing(self, name: str, what: str) -> None:
        near = did_you_mean(name, set(self.fields) - self.asked)
        self.errors.add("MMP702", (), f"`{name}` is missing, which gives {what}", near)


def shown(value: object) -> str:
    """A value in a few ASCII characters."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) >= 10**SHOWN:
        return "a number of many digits"
    text = value.text if isinstance(value, Odd) else json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
