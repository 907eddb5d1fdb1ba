"""Tiny random specs as text: few devices, few operators, sizes that decide what can be cut.

Sizes are thousands, so that bytes are megabytes and no rounding to KiB tells plans apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hypothesis import assume
from hypothesis import strategies as st

from dsl.load import load
from dsl.spec import Spec
from tests.solver.space import Space

BODIES = {
    "product": "a[b, f] = matmul(x, param w[d, f])",
    "products": "a[b, f] = matmul(x, param w[d, f])\n  y[b, d] = matmul(a, param v[f, d])",
    "residual": (
        "a[b, f] = matmul(x[b, d], param w[d, f])\n  c[b, d] = matmul(a, param v[f, d])\n"
        "  y[b, d] = add(x, c)"
    ),
    "diamond": ("h[b, f] = matmul(x, param w[d, f])\n  a[b, f] = gelu(h)\n  y[b, f] = add(h, a)"),
    "branches": (
        "a[b, f] = matmul(x, param w[d, f])\n  c[b, f] = matmul(x, param v[d, f])\n"
        "  y[b, f] = add(a, c)"
    ),
    "normed": "a[b, d] = rms_norm(x, param g[d])\n  y[b, f] = matmul(a, param w[d, f])",
    "tied": (
        "param w[d, f]\n  a[b, f] = matmul(x[b, d], w[d, f])\n  y[b, d] = matmul(a[b, f], w[d, f])"
    ),
    "layers": (
        "h[b, d] = matmul(x[b, f], param u[f, d])\n  repeat 2 as layers {\n"
        "    a[b, f] = matmul(h[b, d], param w[d, f])\n"
        "    h[b, d] = matmul(a[b, f], param v[f, d])\n  }"
    ),
    "layer": (
        "repeat 1 as layers {\n    a[b, f] = matmul(x[b, d], param w[d, f])\n"
        "    y[b, d] = matmul(a, param v[f, d])\n  }"
    ),
}
INPUT = {"layers": "x[b, f]"}
"""Model inputs other than `x[b, d]`."""

OPERATORS = {
    "product": ("a",),
    "products": ("a", "y"),
    "residual": ("a", "c", "y"),
    "diamond": ("h", "a", "y"),
    "branches": ("a", "c", "y"),
    "normed": ("a", "y"),
    "tied": ("a", "y"),
    "layers": ("h", "layers[0].a", "layers[1].h", "layers[*].a"),
    "layer": ("layers[0].a", "layers[0].y"),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a spec says; `statements` are pins and limits, one a line. `second` are the teraflops,
    gigabytes per second, latency and memory (MiB) of another kind of devices, which the second half
    of the mesh has. Devices that are described state how their kernels and links behave."""

    body: str
    sizes: tuple[int, int, int] = (4098, 1024, 2050)
    gpus: int = 2
    teraflops: int = 100
    gigabytes: int = 20
    latency: int = 3
    train: str = "microbatches 1..2 pipeline 1..2 stages recompute auto"
    statements: tuple[str, ...] = ()
    objective: str = "step_time"
    second: tuple[int, int, int, int] | None = None
    is_described: bool = False

    def text(self) -> str:
        """The whole spec."""
        b, d, f = self.sizes
        source = INPUT.get(self.body, "x[b, d]")
        first = (self.teraflops, self.gigabytes, self.latency, 16384)
        return "\n".join(
            (
                *(["import hardware.physics (every_device, every_link)"] * self.is_described),
                *_device("toy", self.is_described, *first),
                *_device("other", self.is_described, *(self.second or first)),
                "model m() {",
                f"  batch index b = {b}",
                f"  index d = {d}, f = {f}",
                f"  input {source}",
                f"  {BODIES[self.body]}",
                "}",
                self._mesh(),
                "model net = m()",
                f"train {{ {self.train} }}",
                *self.statements,
                f"minimize {self.objective}",
                "",
            )
        )

    def _mesh(self) -> str:
        if self.second is None:
            return f"mesh pod = toy[gpu: {self.gpus}]"
        half = self.gpus // 2
        return f"mesh pod = [gpu: {half} of toy + {self.gpus - half} of other]"

    def spec(self) -> Spec:
        """The resolved spec."""
        return parsed(self.text())


def parsed(text: str) -> Spec:
    """A spec from its text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spec.mmp")
        path.write_text(text, encoding="utf-8")
        return load(path)


def _device(
    name: str, is_described: bool, teraflops: int, gigabytes: int, latency: int, memory: int
) -> Iterator[str]:
    link = f"link bus : {gigabytes} GB/s latency {latency} us"
    yield f"device {name} {{"
    yield f"  compute bf16 {teraflops} TFLOP/s"
    yield f"  memory {memory} MiB at 1 TB/s"
    yield "  launch 2 us"
    if is_described:
        yield "  physics every_device"
        yield "  physics sm_count 12"
        link += " { physics every_link }"
    yield f"  {link}"
    yield "}"


def is_small(spec: Spec, most: int) -> bool:
    """Whether brute force has at most so many bases to try."""
    return sum(1 for _ in islice(Space(spec).bases(), most + 1)) <= most


@st.composite
def drafts(draw: st.DrawFn, most: int = 400) -> Draft:
    """A spec without pins and limits, small enough for brute force."""
    draft = Draft(
        body=draw(st.sampled_from(sorted(BODIES))),
        sizes=(
            draw(st.sampled_from((514, 2052, 4098))),
            draw(st.sampled_from((1024, 1026, 1025))),
            draw(st.sampled_from((2048, 2050, 2049))),
        ),
        gpus=draw(st.sampled_from((1, 2, 2, 2, 3, 4))),
        teraflops=draw(st.sampled_from((1, 20, 400))),
        gigabytes=draw(st.sampled_from((1, 30, 600))),
        latency=draw(st.sampled_from((0, 5, 100))),
        is_described=draw(st.booleans()),
        train=" ".join(
            (
                draw(st.sampled_from(("microbatches 1", "microbatches 2", "microbatches 1..2"))),
                draw(st.sampled_from(PIPELINES)),
                draw(
                    st.sampled_from(
                        ("recompute none", "recompute auto", "recompute auto", "recompute full")
                    )
                ),
                draw(st.sampled_from(("", "", "overlap 50 %", "overlap scheduled"))),
            )
        ),
    )
    assume(is_small(draft.spec(), most))
    return draft


PIPELINES = (
    "pipeline 1 stage",
    "pipeline 1..2 stages",
    "pipeline 1..2 stages one_f_one_b",
    "pipeline 1..2 stages gpipe",
    "pipeline 1..2 stages zb_h1",
)

PINS = (
    "{op} : b over gpu",
    "{op} : whole b",
    "{op} : split b 2",
    "{op} : on stage first",
    "{op} : on stage last",
    "{op} : recompute",
    "{op} : stored over gpu",
    "{op} : optimizer stored over gpu",
)


@st.composite
def pins(draw: st.DrawFn, body: str, soft: bool) -> str:
    """One statement; what does not suit the body is no spec (see `pinned`)."""
    wish = draw(st.sampled_from(PINS)).format(op=f"net.{draw(st.sampled_from(OPERATORS[body]))}")
    word = draw(st.sampled_from(("pin", "forbid")))
    price = draw(st.sampled_from((" weight 10 us", " weight 1 ms"))) if soft else ""
    return f"{word} {wish}{price}"
