"""How long the editor waits: requests to `mmp lsp` on a spec of 2,000 lines, and formatting 10,000.

    python -m tests.benchmarks.editor [--lines N] [--requests N]

Requests go through a real client, over standard input and output, to a document that was just
opened, and again right after every change of it, elsewhere or on that line, before it was read
anew. Milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from lsprotocol import types

from dsl.format import format_text
from tests.benchmarks.editor_spec import long_spec
from tests.lsp.client import Editor, editor

Request = Callable[[Editor, str, int, int], Awaitable[object]]


async def _hover(session: Editor, uri: str, line: int, column: int) -> object:
    asked = types.HoverParams(**session.at(uri, line, column))
    return await session.client.text_document_hover_async(asked)


async def _definition(session: Editor, uri: str, line: int, column: int) -> object:
    asked = types.DefinitionParams(**session.at(uri, line, column))
    return await session.client.text_document_definition_async(asked)


async def _completion(session: Editor, uri: str, line: int, column: int) -> object:
    asked = types.CompletionParams(**session.at(uri, line, column))
    return await session.client.text_document_completion_async(asked)


async def _formatting(session: Editor, uri: str, line: int, column: int) -> object:
    del line, column
    options = types.FormattingOptions(2, True)
    asked = types.DocumentFormattingParams(types.TextDocumentIdentifier(uri), options)
    return await session.client.text_document_formatting_async(asked)


async def _actions(session: Editor, uri: str, line: int, column: int) -> object:
    where = types.Range(types.Position(line - 1, 0), types.Position(line - 1, column - 1))
    context = types.CodeActionContext(session.findings.get(uri, []))
    asked = types.CodeActionParams(types.TextDocumentIdentifier(uri), where, context)
    return await session.client.text_document_code_action_async(asked)


REQUESTS: dict[str, Request] = {
    "hover": _hover,
    "definition": _definition,
    "completion": _completion,
    "formatting": _formatting,
    "code action": _actions,
}
WHILE_TYPING = ("hover", "definition", "completion")


async def measure(lines: int, requests: int) -> dict[str, list[float]]:
    """Milliseconds of every request, by its name; those right after a change are apart."""
    source = long_spec(lines)
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with editor(Path(folder)) as session:
            uri = await session.open(Path(folder) / "long.mmp", source)
            assert session.findings[uri] == []
            for name in REQUESTS:
                for place in _places(source, requests):
                    found.setdefault(name, []).append(await _time(name, session, uri, place))
            for number, place in enumerate(_places(source, requests)):
                session.change(uri, f"{source}\nlet more = {number}\n")
                name = WHILE_TYPING[number % len(WHILE_TYPING)]
                key = f"{name} right after a change"
                found.setdefault(key, []).append(await _time(name, session, uri, place))
            for number, place in enumerate(_places(source, requests)):
                session.change(uri, _weighted(source, place[0], number))
                name = WHILE_TYPING[number % len(WHILE_TYPING)]
                key = f"{name} on a line just changed"
                found.setdefault(key, []).append(await _time(name, session, uri, place))
    return found


async def _time(name: str, session: Editor, uri: str, place: tuple[int, int]) -> float:
    start = time.perf_counter()
    await REQUESTS[name](session, uri, *place)
    return 1000 * (time.perf_counter() - start)


def _weighted(source: str, line: int, number: int) -> str:
    """The text with another weight for the pin on that line."""
    lines = source.split("\n")
    lines[line - 1] = lines[line - 1].partition(" weight ")[0] + f" weight {number + 1} us"
    return "\n".join(lines)


def _places(source: str, count: int) -> list[tuple[int, int]]:
    """Ends of paths in pins all over the text: line and column, from 1."""
    lines = source.split("\n")
    pins = [n for n, text in enumerate(lines, 1) if text.startswith("pin net.")]
    step = max(1, len(pins) // count)
    return [(n, lines[n - 1].index(" :") + 1) for n in pins[::step]][:count]


def formatting_s(lines: int) -> float:
    """Seconds of processor time to format a text of so many lines."""
    source = long_spec(lines)
    start = time.process_time()
    assert format_text(source, "long.mmp") == source
    return time.process_time() - start


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.editor")
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--requests", type=int, default=20)
    given = parser.parse_args(arguments)
    times = asyncio.run(measure(given.lines, given.requests))
    rows = [f"{'request':35} {'median':>8} {'slowest':>8}"]
    rows += [f"{k:35} {statistics.median(v):8.1f} {max(v):8.1f}" for k, v in times.items()]
    rows.append(f"formatting 10,000 lines: {formatting_s(10_000):.2f} s of processor time")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
