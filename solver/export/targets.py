"""What `mmp export --to` can write: one row per target, one module each, imported when used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from dsl.diagnostic import Diagnostic
    from solver.export.saved import SavedPlan

Files = Mapping[str, str]
"""File name, below the folder that is written to (`/` between folders), -> its text."""


@dataclass(frozen=True, slots=True)
class Target:
    """`module` has a function `export(saved: SavedPlan) -> Files`, and may have another,
    `warnings(saved: SavedPlan) -> tuple[Diagnostic, ...]`: what the user must know of the files.

    It raises DiagnosticError with everything in the plan that the target cannot express; `says` is
    what it writes, in a few words.
    """

    name: str
    module: str
    says: str

    def export(self, saved: SavedPlan) -> Files:
        """The files of a plan. Raises DiagnosticError for what cannot be expressed."""
        run = importlib.import_module(self.module).export
        return cast("Callable[[SavedPlan], Files]", run)(saved)

    def warnings(self, saved: SavedPlan) -> tuple[Diagnostic, ...]:
        """What the user must know of the files of a plan."""
        run = getattr(importlib.import_module(self.module), "warnings", None)
        if run is None:
            return ()
        return cast("Callable[[SavedPlan], tuple[Diagnostic, ...]]", run)(saved)


TARGETS: tuple[Target, ...] = (
    Target("torch", "solver.export.torch.package", "a package that PyTorch runs under torchrun"),
    Target("perfetto", "solver.export.perfetto", "the timeline as a Chrome trace"),
    Target("jax", "solver.export.jax", "a mesh and a PartitionSpec for every tensor"),
    Target("megatron", "solver.export.megatron", "the flags of Megatron-LM"),
    Target(
        "torchtitan", "solver.export.torchtitan", "a configuration of torchtitan with its schedule"
    ),
    Target("deepspeed", "solver.export.deepspeed", "DeepSpeed's JSON"),
    Target(
        "mindspore", "solver.export.mindspore", "layouts for shard, and the operator-strategy JSON"
    ),
)
"""In the order in which `mmp export --help` lists them."""


def target(name: str) -> Target:
    """The target of a name. Raises KeyError."""
    return {known.name: known for known in TARGETS}[name]
