"""One published configuration as a `.mmp` spec, in the strategies of the standard library.

Mesh axes are the dimensions of parallelism from the outside in, one for each that is larger than
1: `stage`, `replica` (copies of what `data` shards, where a group of sharding is smaller than data
parallelism), `data`, `expert`, `context`, `tensor`. Two of Megatron's dimensions that share
devices are cut where they differ. A configuration that the language cannot say is refused in words.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from dsl.resolve.library import library_hardware
from solver.configuration.architecture import Architecture, padded_vocab
from solver.configuration.configuration import Configuration
from solver.configuration.families import FAMILIES
from solver.configuration.known import known_architectures

FAMILY_OF_SCHEDULE = {
    "1f1b": "one_f_one_b",
    "gpipe": "gpipe",
    "interleaved": "interleaved",
    "zb-1p": "zb_h1",
    "zb-2p": "zb_h2",
    "zb-v": "zb_v",
}
PRECISION = {"fp8-block": "fp8", "fp8-mx": "fp8", "fp4": "fp8"}
WIDTH = 100  # of lines
# Family -> its file, for models that are no preset.
FILES = {"llama": "llama", "gpt": "gpt", "mixtral": "mixtral", "deepseek": "deepseek"}


class CannotSayError(Exception):
    """Why a configuration has no spec."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Sizes of the mesh axes; the product of all is the number of devices."""

    stage: int
    replica: int
    data: int
    expert: int
    context: int
    tensor: int

    def names(self, *wanted: str) -> str:
        """Those of the axes that are there, as an argument; empty without any."""
        found = [name for name in wanted if getattr(self, name) > 1]
        return f"({', '.join(found)})" if len(found) > 1 else "".join(found)

    def mesh(self) -> str:
        """All that are there, as a mesh lists them."""
        there = [f"{name}: {size}" for name, size in asdict(self).items() if size > 1]
        return ", ".join(there) or "data: 1"


def spec_text(configuration: Configuration, title: str) -> str:
    """The spec. Raises CannotSayError."""
    c = configuration
    axes = _axes(c)
    module = _hardware_module(c.device)
    model_import, model = _model(c)
    strategies = list(_strategies(c, axes))
    imports = sorted({name for name, _ in strategies if name})
    lines = [
        f"// {title}",
        "language 1",
        f"import {module} ({c.device})",
        model_import,
        *(f"import strategies.{name} as {name}" for name in imports),
        "",
        f"mesh pod = {c.device}[{axes.mesh()}]",
        "",
        textwrap.fill(f"model net = {model}", WIDTH, subsequent_indent="    "),
        "",
        "train {",
        "  optimizer adamw",
        f"  precision {PRECISION.get(c.precision, c.precision)}",
        f"  microbatches {_microbatches(c)}",
        f"  pipeline {_pipeline(c)}",
        f"  recompute {'full' if c.recompute == 'full' and c.recompute_every == 1 else 'none'}",
        *(["  overlap scheduled"] if c.overlap_gradients else []),
        "}",
        "",
        *(text for _, text in strategies),
        *([""] if strategies else []),
        "minimize step_time",
    ]
    return "\n".join(lines) + "\n"


def _axes(c: Configuration) -> Axes:
    """Expert parallelism takes its ranks from data parallelism first, then from tensor
    parallelism, whose axis both share."""
    replica = 1
    if c.shard != "none" and c.shard_group < c.dp * c.cp:
        if c.dp % c.shard_group or c.ep > 1:
            raise CannotSayError(f"sharding over {c.shard_group} of {c.dp} replicas")
        replica = c.dp // c.shard_group
    data = c.dp // replica
    expert = c.ep
    if expert > data:
        if expert not in (data * c.tp, data * c.cp, data * c.cp * c.tp):
            raise CannotSayError(f"{expert} expert ranks among {data} data ranks")
        expert = data
    if data % expert:
        raise CannotSayError(f"{expert} expert ranks among {data} data ranks")
    return Axes(c.pp, replica, data // expert, expert, c.cp, c.tp)


def _hardware_module(device: str) -> str:
    found = library_hardware().devices[device].span.file
    return found.removeprefix("stdlib:").removesuffix(".mmp").replace("/", ".")


def _model(c: Configuration) -> tuple[str, str]:
    """The import and the instance: a preset where the library has exactly this model."""
    a = c.architecture
    for name, known in known_architectures().items():
        if known == a and (c.tp == 1 or a.vocab % c.tp == 0):
            return f"import models.{_file_of(name)} ({name})", _instance(name, {}, c)
    family = _family(a)
    named = _sizes(a, family, c)
    return f"import models.{FILES[family]} ({family})", _instance(family, named, c)


def _instance(name: str, sizes: dict[str, object], c: Configuration) -> str:
    words = {True: "true", False: "false"}
    arguments = {**sizes, "batch": c.global_batch, "seq": c.seq_len, **_capacity(c)}
    shown = (
        f"{key}: {words[value] if isinstance(value, bool) else value}"
        for key, value in arguments.items()
    )
    return f"{name}({', '.join(shown)})"


def _capacity(c: Configuration) -> dict[str, object]:
    """Room for the rows of an expert, where their equal share does not divide among ranks."""
    a = c.architecture
    if not a.experts:
        return {}
    rows, unit = c.global_batch * c.seq_len * a.topk, _microbatches(c) * c.devices // c.pp
    room = -(-rows // (a.experts * unit)) * unit
    if room * a.experts == rows:
        return {}
    return {"capacity": f"{room * a.experts} / {rows}"}


def _file_of(preset: str) -> str:
    from dsl.resolve.files import STDLIB

    for path in sorted((STDLIB / "models").glob("*.mmp")):
        if f"model {preset}(" in path.read_text(encoding="utf-8"):
            return path.stem
    raise AssertionError(preset)


def _family(a: Architecture) -> str:
    """The family whose code makes such a model."""
    if a.prediction_layers:
        raise CannotSayError("modules of multi-token prediction")
    if a.latent:
        return "deepseek"
    if a.norm == "rms" and a.glu and a.norms_per_layer == 2 and not a.output_bias:
        return "mixtral" if a.experts else "llama"
    gpt = FAMILIES["gpt"]
    if all(getattr(a, name) == value for name, value in gpt.items()):
        return "gpt"
    raise CannotSayError("a model of no family that can be given sizes")


def _sizes(a: Architecture, family: str, c: Configuration) -> dict[str, object]:
    """The arguments of a family's model. A vocabulary that does not divide is padded."""
    vocab = padded_vocab(a.vocab, c.tp) if c.tp > 1 else a.vocab
    found: dict[str, object] = {
        "layers": a.layers,
        "d_model": a.hidden,
        "heads": a.heads,
        "head_dim": a.head_dim,
        "ffn": a.moe_ffn if family == "mixtral" else a.ffn,
        "vocab": vocab,
    }
    if family == "gpt":
        return found | {"max_seq": max(a.max_seq, c.seq_len)}
    if family == "llama":
        extra = {"qkv_bias": a.qkv_bias, "qk_norm": a.qk_norm, "tied": a.tied}
        return found | {"kv_heads": a.kv_heads} | {k: v for k, v in extra.items() if v}
    if family == "mixtral" and not a.dense_layers:
        mixture = {"kv_heads": a.kv_heads, "experts": a.experts, "topk": a.topk}
        shared = {"shared_ffn": a.shared_ffn, "qk_norm": a.qk_norm}
        return found | mixture | {k: v for k, v in shared.items() if v}
    raise CannotSayError("a mixture that is no preset")


def _microbatches(c: Configuration) -> int:
    count, rest = divmod(c.global_batch, c.dp * c.micro_batch)
    if rest:
        raise CannotSayError(f"{c.global_batch} samples do not divide into micro-batches")
    return count


def _pipeline(c: Configuration) -> str:
    if c.pp == 1:
        return "1 stage"
    family = FAMILY_OF_SCHEDULE.get(c.schedule)
    if family is None:
        raise CannotSayError(f"schedule {c.schedule}")
    chunks = f" {c.vp} chunks" if c.vp > 1 else ""
    if family == "zb_v":
        chunks = " 2 chunks v"
    elif family == "interleaved" and c.vp == 1:
        chunks = " 2 chunks"  # the least that are interleaved
    return f"{c.pp} stages{chunks} {family} over stage"


def _strategies(c: Configuration, axes: Axes) -> Iterator[tuple[str, str]]:
    """(module, statement) of everything that is applied or pinned."""
    data = axes.names("replica", "data", "expert")
    shard = axes.names("data", "expert")
    layers = "net.*[*]" if c.architecture.dense_layers else "net.layers[*]"
    is_mixture = c.architecture.moe_layers > 0
    if c.tp > 1:
        yield from _tensor(c, layers, is_mixture)
    if data:
        yield "data_parallel", f"apply data_parallel.data_parallel(net, over: {data})"
    if c.cp > 1:
        yield "context", "apply context.gathered_everywhere(net, over: context)"
    if is_mixture:
        yield from _experts(c, axes)
    over = axes.names("data", "expert", "context") if c.shard_group > c.dp else shard
    if c.shard != "none" and over:
        yield "zero", f"apply zero.{c.shard}(net, over: {over})"


def _tensor(c: Configuration, layers: str, is_mixture: bool) -> Iterator[tuple[str, str]]:
    cuts = "sequence_parallel" if c.sequence_parallel else "tensor_parallel"
    if is_mixture and c.etp == 1:
        cuts = "attention_parallel"
    yield "megatron", f"apply megatron.{cuts}({layers}, over: tensor)"
    yield "megatron", "apply megatron.vocabulary_parallel(net, over: tensor)"
    if c.sequence_parallel:
        yield "", "pin net.norm : s over tensor"


def _experts(c: Configuration, axes: Axes) -> Iterator[tuple[str, str]]:
    """Experts over their ranks, their rows over the others."""
    ranks = ["expert"]
    if c.ep > axes.expert:
        ranks += [name for name, there in (("context", c.cp), ("tensor", c.tp)) if there > 1]
    others = [name for name in ("replica", "data", "context", "tensor") if name not in ranks]
    if c.tp > 1 and c.etp == c.tp:
        others.remove("tensor")
    module, layers = "expert", "net.layers[*]"
    if over := axes.names(*ranks):
        yield module, f"apply expert.expert_parallel({layers}, over: {over})"
    if over := axes.names(*others):
        yield module, f"apply expert.expert_data_parallel({layers}, over: {over})"
