"""What a family makes of a configuration: a library model and its arguments."""

from __future__ import annotations

from dataclasses import dataclass

Argument = tuple[str, int | bool]


@dataclass(frozen=True, slots=True)
class Imported:
    """`model` of stdlib module `module`, without `batch`, `seq` and `capacity`.

    `seq` is the default length of a sequence in tokens; a mixture of experts has a capacity.
    """

    module: str
    model: str
    arguments: tuple[Argument, ...]
    seq: int
    is_mixture: bool = False


def switches(**flags: bool) -> tuple[Argument, ...]:
    """The flags that are on: the library's are off unless given."""
    return tuple((name, True) for name, is_on in flags.items() if is_on)
