"""Random small problems: up to 4 devices, 4 layers and 3 micro-batches, of four shapes.

Sizes are thousands, odd ones among them, so that few cuts divide and nothing is a rounding. The
memory limit is a little above or below what random plans need, so that it excludes most or all.
"""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from dsl.load import LoadError, load
from dsl.spec import Spec
from solver.verify.evaluate import evaluate
from tests.solver.joint.choices import choices_of
from tests.solver.joint.operators import PHASES

SHAPES = {
    "chain": """
  input x[b, d]
  repeat {many} as layers {{
    a[b, f] = matmul(x[b, d], param w[d, f])
    x[b, d] = matmul(a[b, f], param v[f, d])
  }}""",
    "headed chain": """
  input t[b, d]
  x[b, e] = matmul(t[b, d], param u[d, e])
  repeat {fewer} as layers {{
    x[b, g] = matmul(x[b, e], param w[e, g])
  }}
  y[b, f] = matmul(x[b, g], param h[g, f])""",
    "residual chain": """
  input x[b, d]
  repeat {few} as layers {{
    a[b, f] = matmul(x[b, d], param w[d, f])
    c[b, d] = matmul(a[b, f], param v[f, d])
    x[b, d] = add(x, c)
  }}""",
    "branches": """
  input x[b, d]
  input z[b, e]
  repeat {few} as left {{
    a[b, f] = matmul(x[b, d], param w[d, f])
    x[b, d] = matmul(a[b, f], param v[f, d])
  }}
  repeat 1 as right {{
    c[b, f] = matmul(z[b, e], param u[e, f])
    z[b, d] = matmul(c[b, f], param t[f, d])
  }}
  y[b, d] = add(x, z)""",
}
OPERATORS = {
    "chain": ("layers[0].a", "layers[0].x", "layers[*].a"),
    "headed chain": ("x", "layers[0].x", "y"),
    "residual chain": ("layers[0].a", "layers[0].c", "layers[*].x"),
    "branches": ("left[0].a", "right[0].c", "y"),
}
FAMILIES = ("", "", "one_f_one_b", "gpipe", "zb_h1")
ROOMS = (None, None, 2.0, 1.5, 1.25, 1.05)
"""A memory limit, as a share of the least peak of some random plans."""
WISHES = (
    "{op} : b over gpu",
    "{op} : whole b",
    "{op} : on stage first",
    "{op} : on stage last",
    "{op} : recompute",
    "{op} : stored over gpu",
    "{op} : optimizer stored over gpu",
)


@dataclass(frozen=True)
class Problem:
    """A spec as text; `statements` are pins and limits, one a line."""

    shape: str
    layers: int
    sizes: tuple[int, int, int, int]
    mesh: str
    teraflops: int
    gigabytes: int
    latency: int
    train: str
    statements: tuple[str, ...] = ()

    @cached_property
    def text(self) -> str:
        """The whole spec."""
        few = min(self.layers, 2)
        body = SHAPES[self.shape].format(many=self.layers, fewer=few, few=few)
        sizes = (*self.sizes[1:], self.sizes[2])  # a layer ends as wide as it begins: g = e
        indices = ", ".join(f"{name} = {size}" for name, size in zip("defg", sizes, strict=True))
        return "\n".join(
            (
                "device toy {",
                f"  compute bf16 {self.teraflops} TFLOP/s",
                "  memory 16 GiB at 1 TB/s",
                "  launch 2 us",
                f"  link bus : {self.gigabytes} GB/s latency {self.latency} us",
                "}",
                "model m() {",
                f"  batch index b = {self.sizes[0]}",
                f"  index {indices}{body}",
                "}",
                f"mesh pod = toy[{self.mesh}]",
                "model net = m()",
                f"train {{ {self.train} }}",
                *self.statements,
                "minimize step_time",
                "",
            )
        )

    def spec(self) -> Spec:
        """The resolved spec."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "spec.mmp")
            path.write_text(self.text, encoding="utf-8")
            return load(path)

    @property
    def kind(self) -> str:
        """What rows of a table are by."""
        limits = "memory limit" if any("limit" in x for x in self.statements) else "no limit"
        return f"{self.shape}, {limits}"


def problem(seed: int) -> Problem:
    """The problem of a number; the language takes all its statements."""
    dice = random.Random(seed)
    while True:
        plain = _plain(dice)
        wished = replace(plain, statements=_pins(dice, plain.shape))
        share = dice.choice(ROOMS)
        try:
            spec = wished.spec()
        except LoadError:  # it refuses pins that can never hold
            continue
        if share is None:
            return wished
        value = int(share * _least_peak(spec, dice))
        limit = f"limit memory <= {value} B"
        if dice.random() < 0.15:
            limit += " weight 3 ms per GiB over"
        return replace(wished, statements=(*wished.statements, limit))


def _plain(dice: random.Random) -> Problem:
    stages = dice.choice(("1..4 stages", "2 stages", "2..4 stages", "2..4 stages", "1 stage"))
    train = (
        dice.choice(("microbatches 1..3", "microbatches 1..3", "microbatches 3")),
        f"pipeline {stages} {dice.choice(FAMILIES)}".strip(),
        dice.choice(("recompute auto", "recompute auto", "recompute auto", "recompute none")),
        dice.choice(("", "", "overlap 50 %")),
    )
    return Problem(
        shape=dice.choice(tuple(SHAPES)),
        layers=dice.choice((1, 2, 3, 4, 4)),
        sizes=(
            dice.choice((516, 3084, 12300)),
            dice.choice((1024, 1026, 1025)),
            dice.choice((2048, 1022, 511)),
            dice.choice((2048, 2050, 2049, 4094)),
        ),
        mesh=dice.choice(("gpu: 2", "gpu: 3", "gpu: 4", "gpu: 4", "node: 2, gpu: 2")),
        teraflops=dice.choice((1, 20, 400)),
        gigabytes=dice.choice((1, 30, 600)),
        latency=dice.choice((0, 5, 100)),
        train=" ".join(word for word in train if word),
    )


def _pins(dice: random.Random, shape: str) -> tuple[str, ...]:
    found = []
    for _ in range(dice.choice((0, 0, 1, 2))):
        wish = dice.choice(WISHES).format(op=f"net.{dice.choice(OPERATORS[shape])}")
        price = dice.choice(("", " weight 10 us", " weight 1 ms"))
        found.append(f"{dice.choice(('pin', 'pin', 'forbid'))} {wish}{price}")
    return tuple(found)


def _least_peak(spec: Spec, dice: random.Random, tries: int = 60) -> float:
    """Bytes of random plans that run one micro-batch after the other: the least of them."""
    splits = choices_of(spec)
    peaks = []
    for _ in range(tries if splits else 0):
        choices = dice.choice(splits)
        chosen = {node: dice.randrange(choices.options(node)) for node in choices.nodes}
        levels = {
            name: dice.choice(choices.storages(name, chosen[choices.reader(name).name]))
            for name in choices.space.wiring.parameters
        }
        at = sorted(
            [*range(choices.stages)]
            + [dice.randrange(choices.stages) for _ in range(len(choices.units) - choices.stages)]
        )
        stage_of = {unit.name: s for unit, s in zip(choices.units, at, strict=True)}
        again = {u.name: dice.choice(choices.space.may_recompute(u)) for u in choices.units}
        decisions = choices.decisions(chosen, levels, stage_of, again)
        row = [(p, j) for j in range(choices.microbatches) for p in PHASES]
        figures = evaluate(decisions, spec, [row] * choices.stages)
        peaks.append(max(m.peak for m in figures.memory))
    return min(peaks, default=1e9)
