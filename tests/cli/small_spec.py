"""The smallest spec there is: one device, no operators. For what only passes specs along."""

from __future__ import annotations

from dsl.span import Span
from dsl.spec import (
    Device,
    Graph,
    Link,
    Mesh,
    Optimizer,
    Pipeline,
    Precision,
    Source,
    Spec,
    Train,
)


def small_spec(path: str = "spec.mmp") -> Spec:
    span = Span(path, 1, 1, 1, 2)
    device = Device("d", {"bf16": 1e12}, 1e9, 1e12, 0.0, (Link("l", None, 1e9, 0.0),), span)
    train = Train(
        Optimizer("adamw", 4.0, 12.0, 30.0),
        Precision("bf16", "bf16", 2.0, 2.0),
        None,
        Pipeline(1, None, None, None, None),
        "auto",
        None,
        0.0,
    )
    return Spec(
        path,
        Mesh("pod", (device,), (), span),
        Graph((), {}, (), ()),
        train,
        (),
        (),
        ("step_time",),
        (Source(path, "0" * 64),),
        (),
    )
