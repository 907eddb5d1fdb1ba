"""The hand strategies of a family, each a spec of its own with the strategies of `stdlib`.

A hand strategy lays the devices out as an engineer would: stages outermost, then data parallelism
(of which experts take the inner part), then context parallelism, tensor parallelism innermost. Each
dimension is a mesh axis, so the links are those of the free spec's mesh: an axis inside a node uses
the link inside it. What a strategy does not say (layers per stage, which of them recompute, one of
the micro-batch sizes, where storage beyond ZeRO-1 pays) is the planner's even here, which only
makes the strategies better.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.benchmarks.families_cases import DEVICES_PER_NODE, Family

TENSOR = (1, 2, 4, 8)
SAMPLES = 4
"""The largest micro-batch of a data-parallel rank, in samples."""

_IMPORTS = {
    "data": "import strategies.data_parallel as data",
    "zero": "import strategies.zero as zero",
    "megatron": "import strategies.megatron as megatron",
    "context": "import strategies.context as context",
    "expert": "import strategies.expert as expert",
}


@dataclass(frozen=True, slots=True)
class Hand:
    """A hand strategy: what to call it, and its spec."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Degrees:
    """How many devices each dimension has, outermost first; `expert` is the part of data
    parallelism over which experts are cut, `data` the rest. `folded`: experts are cut over the
    tensor axis too, where attention is cut by heads (else their hidden units are cut there)."""

    stage: int
    data: int
    expert: int
    context: int
    tensor: int
    folded: bool = False

    @property
    def samples(self) -> int:
        """Into how many parts samples are cut."""
        return self.data * self.expert

    def mesh(self) -> str:
        """The axes of the mesh; those of one device are left out."""
        sizes = {
            "stage": self.stage,
            "data": self.data,
            "expert": self.expert,
            "context": self.context,
            "tensor": self.tensor,
        }
        return ", ".join(f"{name}: {size}" for name, size in sizes.items() if size > 1)

    def over(self, *names: str) -> str:
        """Those of these axes that have several devices, as a strategy takes them; "" for none."""
        axes = [name for name in names if getattr(self, name) > 1]
        return axes[0] if len(axes) == 1 else f"({', '.join(axes)})" if axes else ""

    def words(self) -> str:
        """As people write it: `PP 4, DP 8, TP 2`."""
        experts = self.expert * (self.tensor if self.folded else 1)
        named = (("PP", self.stage), ("DP", self.samples), ("EP", experts))
        named += (("CP", self.context), ("TP", self.tensor))
        words = [f"{name} {size}" for name, size in named if size > 1]
        return ", ".join([*words, *["folded"] * self.folded])


def hands(family: Family, chunks: tuple[int, ...] = (2, 4)) -> Iterator[Hand]:
    """Every hand strategy of a family at every legal degree, `chunks` per stage of `interleaved`.

    Likely good ones come first: what is known to be reachable cuts the others short.
    """
    yield from _sharded(family)
    degrees = sorted(_three_d(family), key=_unlikely)
    for degree in degrees:
        for schedule in _schedules(family, degree, chunks):
            yield _pipelined(family, degree, schedule)


def _unlikely(degree: Degrees) -> float:
    """Far from a few devices per replica in each dimension."""
    return sum(math.log2(n) ** 2 for n in (degree.stage, degree.context, degree.tensor))


def _three_d(family: Family) -> Iterator[Degrees]:
    """Every division of the devices that the batch and the layers allow."""
    for tensor in TENSOR:
        for context in family.contexts:
            rest, odd = divmod(family.devices, tensor * context)
            if odd:
                continue
            stages = [s for s in _divisors(rest) if s <= family.layers]
            for stage in stages:
                samples = rest // stage
                if family.batch % samples == 0:
                    yield from _with_experts(family, stage, samples, context, tensor)


def _with_experts(
    family: Family, stage: int, samples: int, context: int, tensor: int
) -> Iterator[Degrees]:
    """Experts over the data axes: as far as they go, in nodes of eight, not at all. The first two
    also folded: over the tensor axis beside them."""
    most = math.gcd(samples, family.experts) if family.experts else 1
    within = min(most, max(1, DEVICES_PER_NODE // tensor))
    for expert in sorted({most, within, 1}, reverse=True):
        plain = Degrees(stage, samples // expert, expert, context, tensor)
        yield plain
        if 1 < expert <= family.experts // tensor and tensor > 1:
            yield replace(plain, folded=True)


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _counts(family: Family, samples: int) -> range:
    """Micro-batch counts, from the largest micro-batch to a sample each of the `samples` ranks."""
    each = family.batch // samples
    return range(max(1, each // SAMPLES), each + 1)


def _schedules(family: Family, degree: Degrees, chunks: tuple[int, ...]) -> Iterator[str]:
    """What `pipeline` says, the busiest schedule first."""
    if degree.stage == 1:
        yield "1 stage"
        return
    counts = _counts(family, degree.samples)
    if any(family.batch % m == 0 and m % degree.stage == 0 for m in counts):
        for chunk in sorted(chunks, reverse=True):
            if degree.stage * chunk <= family.layers:
                yield f"{degree.stage} stages {chunk} chunks interleaved over stage"
    yield f"{degree.stage} stages one_f_one_b over stage"


def _pipelined(family: Family, degree: Degrees, schedule: str) -> Hand:
    """Megatron's 3D parallelism, with context and expert parallelism where the degrees say so."""
    pins = []
    samples, context = degree.over("data", "expert"), degree.over("context")
    if degree.folded:
        pins.append("apply megatron.attention_parallel(net.*[*], over: tensor)")
        pins.append("apply megatron.vocabulary_parallel(net, over: tensor)")
        pins.append(f"apply data.data_parallel(net, over: {samples})")
        pins.append(f"apply zero.zero1(net, over: {samples})")
    elif degree.tensor > 1 and samples:
        pins.append(f"apply megatron.three_d(net, tensor: tensor, data: {samples})")
    elif degree.tensor > 1:
        pins.append("apply megatron.sequence_parallel(net.*[*], over: tensor)")
        pins.append("apply megatron.vocabulary_parallel(net, over: tensor)")
    elif samples:
        pins.append(f"apply data.data_parallel(net, over: {samples})")
        pins.append(f"apply zero.zero1(net, over: {samples})")
    if context:
        pins.append("apply context.gathered_everywhere(net, over: context)")
        pins.append("apply zero.zero1(net, over: context)")
    pins += _expert_pins(family, degree)
    text = _spec(family, degree.mesh(), degree.samples, schedule, pins)
    return Hand(" ".join(["3D", degree.words(), *schedule.split()[2:-2]]), text)


def _expert_pins(family: Family, degree: Degrees) -> list[str]:
    pins = []
    if family.experts and degree.expert > 1:
        over = "(expert, tensor)" if degree.folded else "expert"
        pins.append(f"apply expert.expert_parallel(net.layers[*], over: {over})")
    if family.experts and degree.data > 1:
        pins.append("apply expert.expert_data_parallel(net.layers[*], over: data)")
    return pins


def _sharded(family: Family) -> Iterator[Hand]:
    """One stage: FSDP, FSDP beside tensor or context parallelism, hybrid sharding."""
    for one in _three_d(family):
        if one.stage > 1 or one.samples == 1 or one.folded:
            continue
        samples = one.over("data", "expert")
        pins = [f"apply zero.fsdp(net, over: {samples})"]
        if one.tensor > 1:
            pins = [f"apply zero.fsdp_tp(net, tensor: tensor, data: {samples})"]
        if one.context > 1:
            pins.append("apply context.gathered_everywhere(net, over: context)")
            pins.append("apply zero.zero3(net, over: context)")
        pins += _expert_pins(family, one)
        yield Hand(f"FSDP {one.words()}", _spec(family, one.mesh(), one.samples, "1 stage", pins))
    nodes = family.devices // DEVICES_PER_NODE
    if nodes > 1 and family.batch % family.devices == 0:
        yield _hybrid(family, nodes)


def _hybrid(family: Family, nodes: int) -> Hand:
    """Everything stored once in a node, and again in every other one."""
    pins = ["apply zero.hsdp(net, shard: shard, replicate: replica)"]
    if family.experts:
        pins.append("apply expert.expert_data_parallel(net.layers[*], over: (replica, shard))")
    mesh = f"replica: {nodes}, shard: {DEVICES_PER_NODE}"
    return Hand(f"HSDP DP {family.devices}", _spec(family, mesh, family.devices, "1 stage", pins))


def _spec(family: Family, mesh: str, samples: int, pipeline: str, pins: list[str]) -> str:
    """The spec of a strategy that cuts the batch into `samples` parts."""
    counts = _counts(family, samples)
    rooms = {pin.split()[1].split(".")[0] for pin in pins}
    imports = tuple(line for room, line in _IMPORTS.items() if room in rooms)
    span = f"{counts[0]}..{counts[-1]}" if len(counts) > 1 else str(counts[0])
    return family.spec(mesh, imports, span, pipeline, tuple(pins))
