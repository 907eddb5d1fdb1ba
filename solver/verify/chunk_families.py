"""What makes an order one of a schedule family with several chunks per device.

P devices, v chunks on each, M micro-batches per chain of chunks. Rows hold (chunk, micro-batch,
phase) of every device in the order they run.

- `interleaved` (Narayanan et al. 2021; Megatron-LM) is one order, made here by its own formula:
  chunk i on device i mod P; visit k of a device is of its chunk number (k mod P v) / P, backwards
  from the last one, and of micro-batch P (k / (P v)) + k mod P; device p runs 2 (P - p - 1) +
  (v - 1) P forwards ahead, then F and B in turn. W is part of B.
- The others are published as figures with pictures for a few sizes, so an order is theirs when it
  has the placement and keeps the published figures: activations of chunks held at most, counted
  from F to W; and the largest idle time between the first and the last operator of a device at
  F = B = W = 1 without delays, promised from some M on. W is apart, and the micro-batches of every
  chunk and phase ascend.

| family | placement | activations | idle at most | from M |
|---|---|---|---|---|
| `zb_v` (arXiv 2405.15362) | V | 2 P | 0 | 2 P - 1 |
| `v_half` (arXiv 2405.15362) | V | 2 floor((P + 2) / 2) | 3 P | P |
| `v_min` (arXiv 2405.15362) | V | 2 floor((P + 4) / 3) | 4 P | P |
| `dualpipe` (arXiv 2412.19437) | two chains | P + 1 | 2 (P / 2 - 1) | P |
| `dualpipe_v` (deepseek-ai/DualPipe) | V | 2 P + 1 | 2 (P - 1) | 2 P |

V: a chain of 2 P chunks, chunk i on device i for i < P, else on 2 P - 1 - i. Two chains: P even,
chunks 0..P-1 down the devices and P..2P-1 up; each device runs the mirror image of its opposite.
The idle times of DualPipe are (P / 2 - 1)(F&B + B - 3W) with F&B = 3 and its full backward B = 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from solver.verify.messages import Operator, Rows, messages

CHUNKED_FAMILIES = ("interleaved", "zb_v", "v_half", "v_min", "dualpipe", "dualpipe_v")
"""The families that `departures` knows."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Published figures of a family: activations of chunks on a device, idle time between its
    first and last operator at unit times, and the micro-batches from which that is promised."""

    activations: int
    idle: int
    least_microbatches: int


def departures(
    family: str, devices: int, place: Sequence[int], edges: Sequence[tuple[int, int]], rows: Rows
) -> Iterator[str]:
    """How complete rows depart from `family`, in words; nothing for an order of the family.

    `place` is the device of every chunk, `edges` are (source chunk, target chunk).
    """
    misplaced = _misplaced(family, devices, place, edges)
    if misplaced:
        yield misplaced
    elif family == "interleaved":
        yield from _other_than_interleaved(rows, len(place) // devices)
    else:
        yield from _ordering(rows)
        if family == "dualpipe":
            yield from _asymmetry(rows)
        yield from _exceeded(_figures(family, devices), rows, edges, len(place))


def _figures(family: str, p: int) -> Figures:
    return {
        "zb_v": Figures(2 * p, 0, 2 * p - 1),
        "v_half": Figures(2 * ((p + 2) // 2), 3 * p, p),
        "v_min": Figures(2 * ((p + 4) // 3), 4 * p, p),
        "dualpipe": Figures(p + 1, 2 * (p // 2 - 1), p),
        "dualpipe_v": Figures(2 * p + 1, 2 * (p - 1), 2 * p),
    }[family]


def _misplaced(
    family: str, devices: int, place: Sequence[int], edges: Sequence[tuple[int, int]]
) -> str | None:
    """Why the chunks are not where the family has them."""
    chunks = len(place)
    chain = {(at, at + 1) for at in range(chunks - 1)}
    if family == "interleaved":
        if chunks % devices or chunks < 2 * devices or set(edges) != chain:
            return "`interleaved` takes a chain of at least two chunks per device, as many on each"
        if any(device != chunk % devices for chunk, device in enumerate(place)):
            return "`interleaved` deals the chunks out to the devices in turn"
        return None
    if list(place) != [*range(devices), *reversed(range(devices))]:
        return f"`{family}` takes one chunk per device on the way down and one on the way up"
    if family == "dualpipe":
        if devices % 2 or set(edges) != chain - {(devices - 1, devices)}:
            return "`dualpipe` takes two chains of chunks over an even number of devices"
    elif set(edges) != chain:
        return f"`{family}` takes a chain of chunks"
    return None


def _other_than_interleaved(rows: Rows, visits: int) -> Iterator[str]:
    """Devices whose order is not the one that Megatron-LM's formula gives."""
    devices = len(rows)
    for device, row in enumerate(rows):
        found = [operator for operator in row if operator[2] != "W"]
        total = len(found) // 2
        if total % (devices * visits):
            yield f"`interleaved` takes a multiple of {devices} micro-batches"
            return
        ahead = min(total, 2 * (devices - device - 1) + (visits - 1) * devices)
        wanted: list[Operator] = []
        for step in range(total + ahead):
            if step < total:
                wanted.append(_visit(step, device, devices, visits, is_forward=True))
            if step >= ahead:
                wanted.append(_visit(step - ahead, device, devices, visits, is_forward=False))
        if found != wanted:
            yield f"device {device} does not follow the order of `interleaved`"


def _visit(k: int, device: int, devices: int, visits: int, *, is_forward: bool) -> Operator:
    turn = k % (devices * visits) // devices
    microbatch = devices * (k // (devices * visits)) + k % devices
    if is_forward:
        return turn * devices + device, microbatch, "F"
    return (visits - 1 - turn) * devices + device, microbatch, "B"


def _ordering(rows: Rows) -> Iterator[str]:
    """Micro-batches that do not ascend, and weight gradients that are not apart."""
    for device, row in enumerate(rows):
        seen: dict[tuple[int, str], int] = {}
        for chunk, microbatch, phase in row:
            if microbatch < seen.get((chunk, phase), -1):
                yield f"{phase} of chunk {chunk} does not take its micro-batches in order"
            seen[chunk, phase] = microbatch
        if {chunk for chunk, phase in seen if phase == "B"} != {c for c, x in seen if x == "W"}:
            yield f"device {device} does not run its weight gradients apart"


def _asymmetry(rows: Rows) -> Iterator[str]:
    """Opposite devices of which one is not the mirror image of the other."""
    devices = len(rows)
    for device in range(devices // 2):
        opposite = rows[devices - 1 - device]
        mirrored = [((chunk + devices) % (2 * devices), m, phase) for chunk, m, phase in opposite]
        if mirrored != list(rows[device]):
            yield f"devices {device} and {devices - 1 - device} are not mirror images"


def _exceeded(
    figures: Figures, rows: Rows, edges: Sequence[tuple[int, int]], chunks: int
) -> Iterator[str]:
    """Figures above the published ones."""
    for device, row in enumerate(rows):
        held = peak = 0
        for _, _, phase in row:
            held += {"F": 1, "B": 0, "W": -1}[phase]
            peak = max(peak, held)
        if peak > figures.activations:
            yield f"device {device} holds {peak} activations, more than {figures.activations}"
    if len({microbatch for row in rows for _, microbatch, _ in row}) < figures.least_microbatches:
        return
    starts = _unit_starts(rows, edges, chunks)
    for device, row in enumerate(rows):
        if any((device, at) not in starts for at in range(len(row))):
            yield f"device {device} waits for ever"
            continue
        idle = starts[device, len(row) - 1] + 1 - starts[device, 0] - len(row)
        if idle > figures.idle:
            yield f"device {device} idles {idle} units at equal times, more than {figures.idle}"


def _unit_starts(
    rows: Rows, edges: Sequence[tuple[int, int]], chunks: int
) -> Mapping[tuple[int, int], int]:
    """The earliest start of operator (device, number) where each takes 1; none for those that
    never start."""
    inputs: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for message in messages(rows, edges, ["B"] * chunks):
        to = (message.receiver, message.needed)
        inputs.setdefault(to, []).append((message.sender, message.made))
    starts: dict[tuple[int, int], int] = {}
    at = [0] * len(rows)
    moved = True
    while moved:
        moved = False
        for device, row in enumerate(rows):
            while at[device] < len(row):
                here = (device, at[device])
                before = [*inputs.get(here, ()), *([(device, at[device] - 1)] * bool(at[device]))]
                if any(other not in starts for other in before):
                    break
                starts[here] = max((starts[other] + 1 for other in before), default=0)
                at[device] += 1
                moved = True
    return starts
