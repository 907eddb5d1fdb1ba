"""Specs of Llama-3-8B on 64 GPUs over pins, and of pipelines of it whose memory is traced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_SPEC = """\
import hardware.nvidia (h100_sxm)
import models.llama (llama3_8b)
import strategies.context as context
import strategies.data_parallel (data_parallel)
import strategies.megatron as megatron
import strategies.zero as zero

mesh pod = h100_sxm[node: 8, gpu: 8]
model net = llama3_8b(batch: {batch}, seq: 8192)
train {{
  optimizer adamw
  precision bf16
  microbatches {microbatches}
  pipeline {pipeline}
  recompute {recompute}
}}
{pins}
minimize step_time
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A spec; `pins` are its words for the table."""

    name: str
    pins: str
    spec: str


def _case(
    name: str,
    pins: tuple[str, ...],
    pipeline: str = "1 stages",
    many: int = 2,
    recompute: str = "auto",
) -> Case:
    text = _SPEC.format(
        batch=64 * many if pipeline == "1 stages" else 16 * many,
        microbatches=many,
        pipeline=pipeline,
        recompute=recompute,
        pins="\n".join(pins),
    )
    words = "; ".join(pin.removeprefix("apply ").removeprefix("pin ") for pin in pins) or "none"
    return Case(name, words, text)


_TENSOR = {
    "gpu.2": "(node, gpu.0, gpu.1)",
    "(gpu.1, gpu.2)": "(node, gpu.0)",
    "gpu": "node",
}


def plans() -> Iterator[Case]:
    """Tensor x data x FSDP, each once with everything else left to the solver."""
    yield _case("free", ())
    data = "apply data_parallel(net, over: (node, gpu))"
    for level in (1, 2, 3):
        yield _case(f"data, ZeRO-{level} over (node, gpu)", (data, _zero(level, "(node, gpu)")))
        for over, other in (("node", "gpu"), ("gpu", "node")):
            pins = (data, _zero(level, over), f"forbid net.** : optimizer stored over {other}")
            yield _case(f"data, ZeRO-{level} over {over} only", pins)
        yield _case(f"data, ZeRO-{level}, 4 micro-batches", (data, _zero(level, "node")), many=4)
        yield _case(f"data, ZeRO-{level}, 1 micro-batch", (data, _zero(level, "node")), many=1)
    for over, rest in _TENSOR.items():
        for kind in ("tensor_parallel", "sequence_parallel"):
            tensor = f"apply megatron.{kind}(net.layers[*], over: {over})"
            for level in (1, 3):
                yield _case(f"{kind} {over}, ZeRO-{level}", (tensor, _zero(level, rest)))
            vocabulary = f"apply megatron.vocabulary_parallel(net, over: {over})"
            yield _case(f"{kind} {over}, vocabulary", (tensor, vocabulary))
        yield _case(
            f"FSDP with tensor {over}", (f"apply zero.fsdp_tp(net, tensor: {over}, data: {rest})",)
        )
    yield _case("Ulysses", ("apply context.ulysses(net.layers[*], over: gpu)",))
    yield _case("context", ("apply context.gathered(net.layers[*], over: (gpu.1, gpu.2))",))
    yield _case("recomputed", ("apply zero.fsdp(net, over: (node, gpu))",), recompute="full")
    for degrees in ("b 32, s 2", "b 16, s 4", "b 8, s 8"):
        yield _case(f"norms {degrees}", (f"pin net.layers[*].*.norm : split {degrees}",))
    for degree in (2, 4, 8):
        yield _case(f"f {degree} ways", (f"pin net.layers[*].mlp.* : split f {degree}",))
        yield _case(f"v {degree} ways", (f"pin net.head : split v {degree}",))


def pipelines() -> Iterator[Case]:
    """Four stages, in several orders."""
    for family in ("one_f_one_b", "zb_h1", "gpipe"):
        yield _case(family, (), f"4 stages {family}", 8)
    yield _case("free order", (), "4 stages", 8)
    yield _case("interleaved", (), "4 stages 2 chunks interleaved", 8)
    yield _case("zb_v", (), "4 stages 2 chunks zb_v", 8, "none")


def _zero(level: int, over: str) -> str:
    return f"apply zero.zero{level}(net, over: {over})"
