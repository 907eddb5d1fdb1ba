"""The syntax tree of a `.mmp` file: what was written, before any name is looked up.

One frozen dataclass per rule of `dsl/text/grammar.lark`. Nothing of Lark appears here. Every
node knows its `span`; `doc` is the text of the `///` comments directly above a declaration.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsl.syntax.expressions import (
    Argument,
    AxesGroup,
    AxisName,
    Binary,
    Call,
    Expr,
    Name,
    Parameter,
    Quantity,
    Segment,
    Selector,
    Text,
    Unary,
)
from dsl.syntax.hardware import (
    Compute,
    Device,
    DeviceMemory,
    Field,
    Launch,
    Link,
    Optimizer,
    Physics,
    PhysicsSet,
    Precision,
)
from dsl.syntax.kinds import Across, Engine, Formal, Formula, Kind, Pattern, Saves, Sum, Tie, Whole
from dsl.syntax.models import (
    Alias,
    Assign,
    Base,
    Block,
    BlockOf,
    Conditional,
    IndexDef,
    IndexStmt,
    LayoutItem,
    Measured,
    MeasuredBody,
    MeasuredField,
    Model,
    ModelItem,
    Operand,
    Output,
    Repeat,
    Result,
    TensorDecl,
)
from dsl.syntax.plan import (
    Apply,
    Chunks,
    Cut,
    DeviceRun,
    Instance,
    Limit,
    Mesh,
    MeshAxis,
    Minimize,
    OnStage,
    OperatorPlace,
    Order,
    Pin,
    PinPart,
    Range,
    Rate,
    RecomputePart,
    Split,
    Stored,
    Strategy,
    Train,
    TrainItem,
    WholePart,
)
from dsl.syntax.values import Import, Language, Let, ParamStmt

Statement = (
    Language
    | Import
    | ParamStmt
    | Let
    | Device
    | Optimizer
    | Precision
    | PhysicsSet
    | Kind
    | Model
    | Mesh
    | Instance
    | Train
    | Limit
    | Pin
    | Order
    | Apply
    | Strategy
    | Minimize
)


@dataclass(frozen=True, slots=True)
class File:
    """One parsed file. `path` is as in `Span.file`; `source` is its whole text."""

    path: str
    source: str
    statements: tuple[Statement, ...]


__all__ = [
    "Across",
    "Alias",
    "Apply",
    "Argument",
    "Assign",
    "AxesGroup",
    "AxisName",
    "Base",
    "Binary",
    "Block",
    "BlockOf",
    "Call",
    "Chunks",
    "Compute",
    "Conditional",
    "Cut",
    "Device",
    "DeviceMemory",
    "DeviceRun",
    "Engine",
    "Expr",
    "Field",
    "File",
    "Formal",
    "Formula",
    "Import",
    "IndexDef",
    "IndexStmt",
    "Instance",
    "Kind",
    "Language",
    "Launch",
    "LayoutItem",
    "Let",
    "Limit",
    "Link",
    "Measured",
    "MeasuredBody",
    "MeasuredField",
    "Mesh",
    "MeshAxis",
    "Minimize",
    "Model",
    "ModelItem",
    "Name",
    "OnStage",
    "Operand",
    "OperatorPlace",
    "Optimizer",
    "Order",
    "Output",
    "ParamStmt",
    "Parameter",
    "Pattern",
    "Physics",
    "PhysicsSet",
    "Pin",
    "PinPart",
    "Precision",
    "Quantity",
    "Range",
    "Rate",
    "RecomputePart",
    "Repeat",
    "Result",
    "Saves",
    "Segment",
    "Selector",
    "Split",
    "Statement",
    "Stored",
    "Strategy",
    "Sum",
    "TensorDecl",
    "Text",
    "Tie",
    "Train",
    "TrainItem",
    "Unary",
    "Whole",
    "WholePart",
]
