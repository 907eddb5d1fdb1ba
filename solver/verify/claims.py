"""The derived figures a document claims, read but not believed: `check` compares them."""

from __future__ import annotations

from dataclasses import dataclass

from solver.verify.decisions import Cuts, read_cuts
from solver.verify.fields import Fields

MEMORY_TERMS = ("parameters", "gradients", "optimizer", "activations", "buffers", "reserve")


@dataclass(frozen=True, slots=True)
class ObjectiveClaim:
    """The `objective` object; `bound` and `gap` are None where nothing is proven."""

    name: str
    unit: str
    value: float
    bound: float | None
    gap: float | None
    penalty: float


@dataclass(frozen=True, slots=True)
class ContentClaim:
    """What a stage or a chunk holds; seconds, and the bytes that a micro-batch holds."""

    operators: tuple[str, ...]
    units: tuple[str, ...]
    forward: float
    input_grad: float
    weight_grad: float
    activations: float
    released_by_input_grad: float


@dataclass(frozen=True, slots=True)
class ChunkClaim:
    """One entry of the `chunks` of a stage."""

    content: ContentClaim
    fused: bool


@dataclass(frozen=True, slots=True)
class StageClaim:
    """One entry of `pipeline.stages`; seconds once per step, of which `tail` is seen. Of one chunk,
    `chunks` are not listed."""

    stage: int
    content: ContentClaim
    reduce: float
    update: float
    gather: float
    tail: float
    chunks: tuple[ChunkClaim, ...]


@dataclass(frozen=True, slots=True)
class StepClaim:
    """One entry of `pipeline.step_operators`; seconds."""

    stage: int
    chunk: float | None
    phase: str
    stream: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class MemoryClaim:
    """One entry of `memory`; bytes."""

    device: int
    devices: int
    peak: float
    limit: float
    terms: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class StorageClaim:
    """What `parameters.NAME` says follows from its levels."""

    stored: Cuts
    gradients: Cuts
    optimizer: Cuts
    bytes_per_device: float


@dataclass(frozen=True, slots=True)
class CallClaim:
    """One entry of `communication`; `bytes`, `seconds` and those `exposed` of one call."""

    operator: str
    tensor: str | None
    phase: str
    collective: str
    axes: tuple[str, ...]
    bytes: float
    count: int
    seconds: float
    exposed: float | None


@dataclass(frozen=True, slots=True)
class PinClaim:
    """One entry of `pins`."""

    text: str
    kind: str
    file: str
    line: int
    satisfied: bool
    weight: float | None
    paid: float
    over_bytes: float | None
    over_seconds: float | None


@dataclass(frozen=True, slots=True)
class Claims:
    """Every derived figure of a document."""

    stopped: str
    plan: str
    objective: ObjectiveClaim
    step_time: float
    devices: int
    axes: tuple[tuple[str, int], ...]
    storage: tuple[tuple[str, StorageClaim], ...]
    chunks: int | None
    placement: str | None
    stages: tuple[StageClaim, ...]
    fused: tuple[bool, ...]
    step_operators: tuple[StepClaim, ...]
    bubble: float
    memory: tuple[MemoryClaim, ...]
    calls: tuple[CallClaim, ...]
    pins: tuple[PinClaim, ...]


def read_claims(document: Fields) -> Claims:
    """The claims of a document; malformed fields add violations (see `Fields`)."""
    outcome = document.nested("outcome")
    pipeline = document.nested("pipeline")
    mesh = document.nested("mesh")
    return Claims(
        stopped=outcome.text("stopped"),
        plan=outcome.text("plan"),
        objective=_objective(document.nested("objective")),
        step_time=document.number("step_time_s"),
        devices=mesh.integer("devices"),
        axes=tuple((axis.text("name"), axis.integer("size")) for axis in mesh.nested_list("axes")),
        storage=tuple(
            (name, _storage(entry))
            for name, entry in document.nested("parameters").nested_entries()
        ),
        chunks=pipeline.integer("chunks") if "chunks" in pipeline.field_names else None,
        placement=pipeline.text_or_null("placement"),
        stages=tuple(_stage(entry) for entry in pipeline.nested_list("stages")),
        fused=pipeline.booleans("fused"),
        step_operators=tuple(_step(entry) for entry in pipeline.nested_list("step_operators")),
        bubble=pipeline.number("bubble"),
        memory=tuple(_memory(entry) for entry in document.nested_list("memory")),
        calls=tuple(_call(entry) for entry in document.nested_list("communication")),
        pins=tuple(_pin(entry) for entry in document.nested_list("pins")),
    )


def _objective(entry: Fields) -> ObjectiveClaim:
    return ObjectiveClaim(
        name=entry.text("name"),
        unit=entry.text("unit"),
        value=entry.number("value"),
        bound=entry.number_or_null("bound"),
        gap=entry.number_or_null("gap"),
        penalty=entry.number("penalty"),
    )


def _stage(entry: Fields) -> StageClaim:
    has_chunks = "chunks" in entry.field_names
    return StageClaim(
        stage=entry.integer("stage"),
        content=_content(entry),
        reduce=entry.number("reduce_s"),
        update=entry.number("update_s"),
        gather=entry.number("gather_s"),
        tail=entry.number("tail_s"),
        chunks=tuple(map(_chunk, entry.nested_list("chunks"))) if has_chunks else (),
    )


def _chunk(entry: Fields) -> ChunkClaim:
    return ChunkClaim(_content(entry), entry.boolean("fused"))


def _content(entry: Fields) -> ContentClaim:
    return ContentClaim(
        operators=entry.names("operators"),
        units=entry.names("units"),
        forward=entry.number("forward_s"),
        input_grad=entry.number("input_grad_s"),
        weight_grad=entry.number("weight_grad_s"),
        activations=entry.number("activation_bytes"),
        released_by_input_grad=entry.number("released_by_input_grad_bytes"),
    )


def _memory(entry: Fields) -> MemoryClaim:
    terms = entry.nested("terms")
    return MemoryClaim(
        device=entry.integer("device"),
        devices=entry.integer("devices"),
        peak=entry.number("peak_bytes"),
        limit=entry.number("limit_bytes"),
        terms=tuple((name, terms.number(name)) for name in MEMORY_TERMS),
    )


def _storage(entry: Fields) -> StorageClaim:
    return StorageClaim(
        stored=read_cuts(entry, "stored"),
        gradients=read_cuts(entry, "gradients_stored"),
        optimizer=read_cuts(entry, "optimizer_stored"),
        bytes_per_device=entry.number("bytes_per_device"),
    )


def _call(entry: Fields) -> CallClaim:
    return CallClaim(
        operator=entry.text("operator"),
        tensor=entry.text_or_null("tensor"),
        phase=entry.text("phase"),
        collective=entry.text("collective"),
        axes=entry.names("axes"),
        bytes=entry.number("bytes"),
        count=entry.integer("count"),
        seconds=entry.number("seconds"),
        exposed=entry.number_or_null("exposed_s"),
    )


def _step(entry: Fields) -> StepClaim:
    return StepClaim(
        stage=entry.integer("stage"),
        chunk=entry.number_or_null("chunk"),
        phase=entry.text("phase"),
        stream=entry.text("stream"),
        start=entry.number("start_s"),
        end=entry.number("end_s"),
    )


def _pin(entry: Fields) -> PinClaim:
    return PinClaim(
        text=entry.text("text"),
        kind=entry.text("kind"),
        file=entry.text("file"),
        line=entry.integer("line"),
        satisfied=entry.boolean("satisfied"),
        weight=entry.number_or_null("weight_s"),
        paid=entry.number("paid_s"),
        over_bytes=entry.number_or_null("over_bytes"),
        over_seconds=entry.number_or_null("over_s"),
    )
