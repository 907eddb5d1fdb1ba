"""Are the posts of every pair of devices in one order? Do blocking ends let every device finish?

Messages carry no tags: the k-th send of one device to another meets its k-th receive. Where the two
orders differ, a tensor is taken for another; of equal sizes, that trains wrong in silence.
"""

from __future__ import annotations

from collections.abc import Iterator

from solver.execution.lowering import Message, Operator, Post, Rows
from solver.verify.report import Violation

_WHERE = "pipeline.schedule"


def order_violations(rows: Rows) -> Iterator[Violation]:
    """For every ordered pair of devices the first message that meets another one's receive."""
    sends = _channels(rows, "send")
    receives = _channels(rows, "receive")
    for pair in dict.fromkeys((*sends, *receives)):
        one, other = sends.get(pair, []), receives.get(pair, [])
        if len(one) != len(other):
            message = f"device {pair[0]} sends {len(one)} messages to {pair[1]}, which receives "
            yield Violation("run-messages", f"{message}{len(other)}", _WHERE)
            continue
        for at, (sent, received) in enumerate(zip(one, other, strict=True)):
            if sent != received:
                message = (
                    f"message {at} from device {pair[0]} to {pair[1]} is that of {sent.maker}, and "
                    f"is received as that of {received.maker}"
                )
                yield Violation("run-messages", message, _WHERE)
                break


def need_violations(rows: Rows) -> Iterator[Violation]:
    """Operators that run before the messages they read have been posted."""
    for device, row in enumerate(rows):
        late = {x.message.reader: x.message for x in row if isinstance(x, Post) and _is_in(x)}
        posted: set[Message] = set()
        for item in row:
            if isinstance(item, Post):
                posted.add(item.message)
            elif item in late and late[item] not in posted:
                message = f"device {device} runs {item} before it receives what that reads"
                yield Violation("run-order", message, _WHERE)


def block_violations(rows: Rows) -> Iterator[Violation]:
    """Devices that wait for ever where receives return at once and are waited for by the operator
    that reads them, and a send of a pair of devices waits for the sends before it (NCCL's and
    gloo's queues)."""
    at = [0] * len(rows)
    sent: dict[tuple[int, int], int] = {}
    wanted = _receive_numbers(rows)
    moved = True
    while moved:
        moved = False
        for device, row in enumerate(rows):
            while at[device] < len(row):
                item = row[at[device]]
                if isinstance(item, Operator) and not _arrived(item, device, wanted, sent):
                    break
                if isinstance(item, Post) and item.way == "send":
                    pair = (item.message.sender, item.message.receiver)
                    sent[pair] = sent.get(pair, 0) + 1
                at[device] += 1
                moved = True
    stops = [row[place] for row, place in zip(rows, at, strict=True) if place < len(row)]
    if stops:
        words = ", ".join(str(stop) for stop in stops)
        yield Violation("run-deadlock", f"{words}: wait for each other for ever", _WHERE)


def _channels(rows: Rows, way: str) -> dict[tuple[int, int], list[Message]]:
    found: dict[tuple[int, int], list[Message]] = {}
    for row in rows:
        for item in row:
            if isinstance(item, Post) and item.way == way:
                message = item.message
                found.setdefault((message.sender, message.receiver), []).append(message)
    return found


def _receive_numbers(rows: Rows) -> dict[tuple[int, Operator], tuple[tuple[int, int], int]]:
    """(device, reader) -> the pair of devices, and how many of its sends must have been made."""
    found: dict[tuple[int, Operator], tuple[tuple[int, int], int]] = {}
    for pair, messages in _channels(rows, "receive").items():
        for number, message in enumerate(messages):
            found[pair[1], message.reader] = (pair, number + 1)
    return found


def _arrived(
    operator: Operator,
    device: int,
    wanted: dict[tuple[int, Operator], tuple[tuple[int, int], int]],
    sent: dict[tuple[int, int], int],
) -> bool:
    if (device, operator) not in wanted:
        return True
    pair, number = wanted[device, operator]
    return sent.get(pair, 0) >= number


def _is_in(post: Post) -> bool:
    return post.way == "receive"
