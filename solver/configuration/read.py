"""A row of a table to the `Configuration` it describes.

The header is that of the published tables: see `solver/configuration/README.md`. A missing column
or an empty cell is unknown, and then: degrees are 1, data parallelism takes the devices that are
left, a micro-batch has one sample, and the words of the row decide as `row_words` states.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from solver.configuration.architecture import Architecture
from solver.configuration.cells import RowError, flag, positive, text
from solver.configuration.configuration import Configuration
from solver.configuration.row_device import device_name, devices_per_node, network_bytes_per_s
from solver.configuration.row_headers import with_common_header
from solver.configuration.row_model import architecture_of
from solver.configuration.row_software import (
    attention_of,
    drops_tokens,
    gradient_bytes_of,
    is_compiled,
    overlaps_of,
)
from solver.configuration.row_words import (
    Sharding,
    precision_of,
    recompute_of,
    release_of,
    runtime_of,
    schedule_of,
    sharding_of,
    split_precision,
)
from solver.cost.physics.parameters import device_physics


@dataclass(frozen=True, slots=True)
class Degrees:
    """Devices, and how the degrees of parallelism share them."""

    devices: int
    tp: int
    pp: int
    vp: int
    cp: int
    ep: int
    etp: int
    dp: int


ACCUMULATED = re.compile(r"\b(?:grad_acc(?:um)?(?:ulation)?|micro_num|GA)=(\d+)")
OFFLOADED = re.compile(r"offload\w*=True|activations? (?:are )?offloaded", re.IGNORECASE)
DISPATCHER = re.compile(r"deep-?ep|hybrid-?ep", re.IGNORECASE)
PER_PARAMETER = re.compile(r"fsdp-?2|per-parameter", re.IGNORECASE)
FP8_GATHER = re.compile(r"\b(fp|f|float)8 all-?gather|tensorwise", re.IGNORECASE)
VENDOR = re.compile(r"\bTE\b|transformer[- ]engine|\brelease \d\d\.\d\d", re.IGNORECASE)
EFA = re.compile(r"\bEFA\b")


def read_configuration(row: Mapping[str, str], remarks: str = "") -> Configuration:
    """The configuration of a row; RowError says why there is none.

    `remarks` are the comment lines of the table: what they say of the network holds for all rows.
    """
    row = with_common_header(row)
    words = " ".join(
        text(row, column)
        for column in ("framework", "model", "precision", "shard", "overlap", "notes")
    )
    architecture = architecture_of(row)
    device = device_name(row)
    degrees = _with_chunks(row, _degrees(row), architecture.layers)
    per_node = devices_per_node(row, device, degrees.devices)
    precision = precision_of(text(row, "precision"), device)
    if not device_physics(device).computes(precision.partition("-")[0]):
        raise RowError(f"`{device}` does not compute in {precision}")
    of_linears, of_experts = split_precision(text(row, "precision"), precision)
    runtime = runtime_of(words)
    sharding = sharding_of(text(row, "shard"))
    recompute, every = recompute_of(text(row, "recompute"))
    seq_len = positive(row, "seq_len")
    if seq_len is None:
        raise RowError("`seq_len` is not given")
    micro_batch = positive(row, "mbs") or 1
    sequence_parallel = flag(row, "seq_par")
    if sequence_parallel is None:
        sequence_parallel = precision != "fp16"
    gradient_bytes = gradient_bytes_of(precision, sharding, runtime, words)
    return Configuration(
        architecture=architecture,
        device=device,
        devices_per_node=per_node,
        precision=of_linears,
        expert_precision=of_experts if of_experts != of_linears else None,
        seq_len=seq_len,
        global_batch=_global_batch(row, micro_batch, degrees.dp),
        micro_batch=micro_batch,
        devices=degrees.devices,
        tp=degrees.tp,
        pp=degrees.pp,
        vp=degrees.vp,
        cp=degrees.cp,
        ep=_expert_degree(architecture, degrees, words),
        etp=degrees.etp,
        dp=degrees.dp,
        shard=sharding.level,
        shard_group=_shard_group(sharding, degrees, per_node),
        sequence_parallel=sequence_parallel and degrees.tp > 1,
        recompute=recompute,
        recompute_every=every,
        recompute_known=bool(text(row, "recompute")) and " or " not in text(row, "recompute"),
        schedule=schedule_of(text(row, "schedule"), degrees.pp, degrees.vp),
        attention=attention_of(architecture, device, precision, runtime, words),
        main_gradient_bytes=gradient_bytes,
        reduced_gradient_bytes=gradient_bytes,
        **overlaps_of(row, runtime),
        runtime=runtime,
        compiled=is_compiled(runtime, words),
        gather_copies=bool(PER_PARAMETER.search(words)),
        vendor_kernels=runtime == "megatron" or bool(VENDOR.search(words)),
        fp8_gather=bool(FP8_GATHER.search(words)),
        release=release_of(words),
        token_drop=drops_tokens(words),
        forced_balance=bool(re.search(r"balanced", f"{words} {remarks}", re.IGNORECASE)),
        frozen_base="LoRA" in words,
        mtp_layers=architecture.prediction_layers,
        end_stage_layers_fewer=_fewer_layers(architecture.layers, degrees),
        network="efa" if EFA.search(f"{words} {remarks}") or runtime == "nanotron" else "",
        inter_node_bytes_per_s=network_bytes_per_s(f"{text(row, 'notes')} {remarks}", per_node),
        activations_offloaded=bool(OFFLOADED.search(words)),
    )


def _expert_degree(architecture: Architecture, degrees: Degrees, words: str) -> int:
    """Ranks that share the experts. A dispatcher of tokens that the row names has ranks to send
    to: where no degree is given, all that hold the same stage, as far as experts can be dealt."""
    if degrees.ep > 1 or not architecture.experts or not DISPATCHER.search(words):
        return degrees.ep
    return math.gcd(degrees.tp * degrees.cp * degrees.dp, architecture.experts)


def _degrees(row: Mapping[str, str]) -> Degrees:
    """Degrees of parallelism; data parallelism takes what the others leave."""
    devices = positive(row, "n_gpus")
    if devices is None:
        raise RowError("`n_gpus` is not given")
    tp, pp, vp, cp, ep, etp = (
        positive(row, name) or 1 for name in ("tp", "pp", "vp", "cp", "ep", "etp")
    )
    rest = tp * pp * cp
    if devices % rest:
        raise RowError(f"tp x pp x cp = {rest} does not divide {devices} devices")
    dp = devices // rest
    given = positive(row, "dp")
    if given is not None and given != dp:
        raise RowError(f"tp x pp x cp x dp = {rest * given} is not n_gpus = {devices}")
    # A printed degree beyond the ranks of a stage cannot be: as many experts apart as there are.
    ep = math.gcd(ep, tp * cp * dp // math.gcd(etp, tp * cp * dp))
    return Degrees(devices, tp, pp, vp, cp, ep, etp, dp)


def _with_chunks(row: Mapping[str, str], degrees: Degrees, layers: int) -> Degrees:
    """Chunks per device of an interleaved schedule that does not say how many: as many as a stage
    has layers, at most four."""
    words = text(row, "schedule")
    if degrees.vp > 1 or degrees.pp == 1 or schedule_of(words, degrees.pp, 1) != "interleaved":
        return degrees
    per_stage = -(-layers // degrees.pp)
    chunks = next(count for count in (4, 3, 2, 1) if per_stage % count == 0)
    return replace(degrees, vp=chunks)


def _global_batch(row: Mapping[str, str], micro_batch: int, dp: int) -> int:
    """Sequences per step: as given, or micro-batches times what the notes say is accumulated."""
    given = positive(row, "gbs")
    if given is not None:
        if given < dp:
            raise RowError(f"a global batch of {given} leaves some of {dp} replicas without work")
        return given
    accumulated = ACCUMULATED.search(text(row, "notes"))
    if accumulated is None:
        raise RowError("`gbs` is not given, and no note says how many micro-batches a step has")
    return micro_batch * dp * int(accumulated[1])


def _shard_group(sharding: Sharding, degrees: Degrees, per_node: int) -> int:
    """How many ranks share one copy: data parallelism with context parallelism, or a part of it."""
    ranks = degrees.dp * degrees.cp
    if sharding.level == "none":
        return 1
    if sharding.within_node:
        return min(ranks, per_node)
    if not sharding.group or sharding.group == degrees.dp:
        return ranks
    return min(sharding.group, ranks)


def _fewer_layers(layers: int, degrees: Degrees) -> int:
    """1 where layers do not fill the stages, but do with one fewer in the first and the last."""
    chunks = degrees.pp * degrees.vp
    return int(chunks > 1 and layers % chunks != 0 and (layers + 2) % chunks == 0)
