"""What parent and child say to each other: length-prefixed JSON frames.

JSON, not pickle, from child to parent: a dying child can leave half a frame or garbage behind, and
a plan that came through JSON is exactly what a plan read back from a file would be. The job itself
goes the other way once, pickled: specs and arrays are Python objects (`solver.isolate.process`).
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import IO

from solver.events import Document, Event, Incumbent, Progress

_LENGTH = struct.Struct(">Q")
STOP = b"stop\n"  # what the parent writes to ask for an early end


@dataclass(frozen=True, slots=True)
class Ready:
    """The child has imported everything; the search starts now."""


@dataclass(frozen=True, slots=True)
class Final:
    """What the search returned."""

    document: Document


@dataclass(frozen=True, slots=True)
class Raised:
    """The search raised: one line, and the traceback."""

    summary: str
    traceback: str


Message = Ready | Progress | Incumbent | Final | Raised


class BrokenFrameError(Exception):
    """The stream ended inside a frame, or the frame is none of ours."""


def write_block(stream: IO[bytes], body: bytes) -> None:
    """Write bytes under their length and flush."""
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_block(stream: IO[bytes]) -> bytes:
    """The next block, `b""` at the end of the stream. Raises BrokenFrameError."""
    head = stream.read(_LENGTH.size)
    if not head:
        return b""
    if len(head) < _LENGTH.size:
        raise BrokenFrameError("the stream ended inside a length")
    (length,) = _LENGTH.unpack(head)
    body = stream.read(length)
    if len(body) < length:
        raise BrokenFrameError("the stream ended inside a frame")
    return body


def write(stream: IO[bytes], message: Message | Event) -> None:
    """Write one frame and flush.

    Raises TypeError or ValueError when a document holds something JSON has no word for (an array,
    NaN): that is a bug of the search, and it is better seen than written.
    """
    body = json.dumps(_to_json(message), allow_nan=False, separators=(",", ":")).encode()
    write_block(stream, body)


def read(stream: IO[bytes]) -> Message | None:
    """The next message, None at the end of the stream. Raises BrokenFrameError."""
    body = read_block(stream)
    if not body:
        return None
    try:
        return _from_json(json.loads(body))
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenFrameError(f"not a frame: {error}") from error


def _to_json(message: Message) -> dict[str, object]:
    match message:
        case Ready():
            return {"is": "ready"}
        case Progress(value, bound, activity):
            return {"is": "progress", "value": value, "bound": bound, "activity": activity}
        case Incumbent(document):
            return {"is": "incumbent", "document": document}
        case Final(document):
            return {"is": "final", "document": document}
        case Raised(summary, traceback):
            return {"is": "raised", "summary": summary, "traceback": traceback}


def _from_json(value: Document) -> Message:
    match value["is"]:
        case "ready":
            return Ready()
        case "progress":
            return Progress(value["value"], value["bound"], value["activity"])
        case "incumbent":
            return Incumbent(value["document"])
        case "final":
            return Final(value["document"])
        case "raised":
            return Raised(value["summary"], value["traceback"])
        case other:
            raise ValueError(f"unknown message {other!r}")
