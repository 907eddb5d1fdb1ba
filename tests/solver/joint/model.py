"""The joint model of a split: choices, stages, recomputation, order and memory at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.solver.joint.choices import Choices
from tests.solver.joint.memory import Memory
from tests.solver.joint.operators import Operators
from tests.solver.joint.selection import Selection
from tests.solver.joint.stages import Stages
from tests.solver.joint.tables import Tables
from tests.solver.joint.writer import Writer

if TYPE_CHECKING:
    from ortools.sat.python import cp_model


class JointModel:
    """One split as one model; seconds are counted in ticks."""

    def __init__(
        self, model: cp_model.CpModel, choices: Choices, tables: Tables, tick: float
    ) -> None:
        self.model, self.choices, self.spec = model, choices, choices.spec
        write, family = Writer(model), choices.spec.train.pipeline.family
        self.selection = Selection(model, choices, tables, tick)
        self.stages = Stages(write, choices, self.selection)
        self.operators = Operators(write, self.stages, family, choices.microbatches)
        self.memory = Memory(write, self.stages, self.operators)
