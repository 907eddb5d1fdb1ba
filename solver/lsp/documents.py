"""Open documents and what is known of them: read in the background when typing pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from pygls import uris
from pygls.workspace import Workspace

from dsl.editor.analysis import Analysis, analyse
from dsl.editor.readings import Readings
from solver.lsp.places import path_of

Given = TypeVarTuple("Given")
Result = TypeVar("Result")

PAUSE_S = 0.2  # without a key before a text is read


@dataclass(slots=True)
class Documents:
    """The analyses of open documents, by URI. `publish` is told of every new one.

    One thread reads texts, one after the other, so that the loop can answer meanwhile.
    """

    workspace: Callable[[], Workspace]
    publish: Callable[[str, Analysis], None]
    readings: Readings = field(default_factory=Readings)
    known: dict[str, Analysis] = field(default_factory=dict)
    _waiting: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def source(self, uri: str) -> str:
        """The text of a document as it is now."""
        return self.workspace().get_text_document(uri).source

    def uri(self, path: str) -> str:
        """The document of a file: as the client names it, where it is open."""
        opened: Iterable[str] = self.workspace().text_documents
        for uri in opened:
            if path_of(uri) == path:
                return uri
        found: str | None = uris.from_fs_path(path)
        assert found is not None  # of paths there is always one
        return found

    def texts(self) -> dict[str, bytes]:
        """What stands for files on disk, by their real path."""
        found = {}
        for uri, document in self.workspace().text_documents.items():
            if (path := path_of(uri)) is not None:
                found[str(Path(path).resolve())] = document.source.encode()
        return found

    def schedule(self, uri: str, pause_s: float = PAUSE_S) -> None:
        """Read a document, and those that import it, once nothing changed for a while."""
        self._cancel(uri)
        self._waiting[uri] = asyncio.get_running_loop().create_task(self._later(uri, pause_s))

    async def _later(self, uri: str, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        analysis = await self.fresh(uri)
        path = path_of(uri) or uri
        await self.aside(self.readings.formatted, analysis.source, path)
        for other, analysis in list(self.known.items()):
            if other != uri and path in analysis.sources:
                await self.refresh(other)

    async def fresh(self, uri: str) -> Analysis:
        """The analysis of a document as it is now."""
        analysis = self.known.get(uri)
        if analysis is not None and analysis.source == self.source(uri):
            return analysis
        return await self.refresh(uri)

    async def refresh(self, uri: str) -> Analysis:
        """Read a document, though it may not have changed itself."""
        while True:
            source, texts = self.source(uri), self.texts()
            path = path_of(uri) or uri
            before = self.known.get(uri)
            analysis = await self.aside(analyse, path, source, texts, before, self.readings)
            if source == self.source(uri):
                break
        if uri in self.workspace().text_documents:
            self.known[uri] = analysis
            self.publish(uri, analysis)
        return analysis

    async def aside(self, work: Callable[[*Given], Result], *given: *Given) -> Result:
        """What a call gives that may take long: it runs in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    async def recheck(self) -> None:
        """Read every open document: files that they import may have changed."""
        for uri in list(self.known):
            await self.refresh(uri)

    def latest(self, uri: str) -> Analysis | None:
        """The last analysis, which may be of an earlier version."""
        return self.known.get(uri)

    def close(self, uri: str) -> None:
        """Forget a document."""
        self._cancel(uri)
        self.known.pop(uri, None)

    def stop(self) -> None:
        """End the thread; what it is reading is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _cancel(self, uri: str) -> None:
        task = self._waiting.pop(uri, None)
        if task is not None:
            task.cancel()


def line_before(old: str, new: str, line: int) -> int | None:
    """The line of an earlier text that a line of a later one was, both from 1; None where it was
    written since."""
    before, after = old.split("\n"), new.split("\n")
    if line > len(after):
        return None
    shift = len(before) - len(after)
    if line <= len(before) and before[:line] == after[:line]:
        return line
    start = line - 1 + shift
    return start + 1 if start >= 0 and after[line - 1 :] == before[start:] else None
