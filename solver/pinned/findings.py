"""What a spec leaves open, and what is assumed where no pin speaks."""

from __future__ import annotations

from dataclasses import dataclass


class OpenError(Exception):
    """The spec leaves decisions to the solver; `decisions` names each, in words."""

    def __init__(self, decisions: tuple[str, ...]) -> None:
        super().__init__("; ".join(decisions))
        self.decisions = decisions


@dataclass(frozen=True, slots=True)
class Assumption:
    """A decision that no pin makes: the rule that was applied, and to what."""

    rule: str
    subjects: tuple[str, ...]
