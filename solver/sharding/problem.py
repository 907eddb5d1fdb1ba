"""The sharding problem of one split of the mesh: nodes with strategies and pairwise tables.

Nodes are operators, shared layouts of tensors, and used layouts of parameters read several times,
each once per unit class. Everything a choice costs is a vector of `Quantity`, charged to a *group*:
all units of a class, its first unit, or the others (whose inputs come from the unit before them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dsl.spec import Spec
from solver.cost.collectives import Floats
from solver.cost.kinds import Kinds
from solver.cost.operators import Costing, OperatorStates
from solver.cost.storage import StorageTable
from solver.cost.wires import States
from solver.space.fold import UnitClass, Wiring
from solver.space.mesh import Split

Labels = npt.NDArray[np.intp]
Part = Literal["every", "first", "rest"]


@dataclass(frozen=True, slots=True)
class Group:
    """Some units of a class: `every`, the `first`, or the `rest`."""

    unit_class: int
    part: Part


@dataclass(frozen=True, slots=True)
class Node:
    """A choice: an operator's strategy, or the layout of a shared tensor or parameter.

    `subject` names the operator or tensor in the first unit of its class. `unary` is [row,
    strategy], rows being quantities (`solver.cost.kinds`); `working` the bytes an operator needs
    while it runs. `operator_states` is set for operators, `states` ([strategy, sub-axis]) for
    layouts. For a measured operator, `variants` numbers the variant of each strategy. Nodes of one
    number `alike` have the same arrays: pairs of them have the same tables.
    """

    kind: Literal["operator", "tensor", "parameter"]
    subject: str
    unit_class: int
    unary: Floats
    working: Floats
    operator_states: OperatorStates | None
    states: States | None
    variants: tuple[int, ...]
    alike: int

    @property
    def size(self) -> int:
        """Number of strategies."""
        return int(self.unary.shape[1])


@dataclass(frozen=True, slots=True)
class Edge:
    """A pairwise cost. Strategy i of node `u` has label `labels_u[i]`, likewise v; `table` is
    [layer, label of u, label of v], where layer i is row `layers[i]` of what nodes have (the others
    are zero); infinity where the pair is illegal."""

    u: int
    v: int
    group: Group
    labels_u: Labels
    labels_v: Labels
    layers: tuple[int, ...]
    table: Floats


@dataclass(frozen=True, slots=True)
class Store:
    """A parameter: its storage option, given the label of the node that decides its used layout.

    `holders` are the classes whose units read it; `per_unit`: every unit of the class has its own.
    """

    parameter: str
    node: int
    labels: Labels
    costs: StorageTable
    holders: tuple[int, ...]
    per_unit: bool


@dataclass(frozen=True, slots=True)
class Send:
    """A tensor from one unit to another: its bytes as produced, per strategy of the producer."""

    tensor: str
    node: int
    source_unit: int
    target_unit: int
    volume: Floats


@dataclass(frozen=True, slots=True)
class ShardingProblem:
    """Everything that is chosen once the split is fixed, except stages, recompute and order.

    `costings` are those of the kinds of devices; sizes and bytes are the same in all of them.
    """

    spec: Spec
    split: Split
    kinds: Kinds
    costings: tuple[Costing, ...]
    wiring: Wiring
    classes: tuple[UnitClass, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    stores: tuple[Store, ...]
    sends: tuple[Send, ...]
    node_of_operator: dict[str, int]
    node_of_tensor: dict[str, int]
    store_of_parameter: dict[str, int]
    space: str  # which strategies were considered, in words
    is_coarse: bool  # whether these are only the coarse ones of `solver.sharding.build.build`

    @property
    def costing(self) -> Costing:
        """What sizes and bytes follow from."""
        return self.costings[0]

    def variant_number(self, operator: str, strategy: int) -> int:
        """Which variant of a measured operator a strategy is."""
        return self.nodes[self.node_of_operator[operator]].variants[strategy]


@dataclass(frozen=True, slots=True)
class Selection:
    """A strategy for every node and a storage option for every store."""

    strategies: tuple[int, ...]
    storage: tuple[int, ...]
