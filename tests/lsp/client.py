"""A language client over standard input and output, as an editor has one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lsprotocol import types
from pygls.lsp.client import LanguageClient

WAIT_S = 60.0  # the longest that anything takes on a busy machine


class Editor:
    """One session: documents that are open, and the findings that were shown last."""

    def __init__(self, client: LanguageClient) -> None:
        self.client = client
        self.findings: dict[str, list[types.Diagnostic]] = {}
        self.messages: list[str] = []
        self._news = asyncio.Event()
        self._versions: dict[str, int] = {}
        client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(self._published())
        client.feature(types.WINDOW_SHOW_MESSAGE)(self._shown())

    def _published(self):
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.findings[params.uri] = list(params.diagnostics)
            self._news.set()

        return published

    def _shown(self):
        def shown(params: types.ShowMessageParams) -> None:
            self.messages.append(params.message)
            self._news.set()

        return shown

    async def open(self, path: Path, text: str | None = None) -> str:
        """Open a file, with a text that need not be on disk; its URI, once it was read."""
        uri = path.as_uri()
        content = path.read_text(encoding="utf-8") if text is None else text
        self._versions[uri] = 1
        document = types.TextDocumentItem(uri, "mmp", 1, content)
        self.findings.pop(uri, None)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(document))
        await self.until(lambda: uri in self.findings)
        return uri

    async def type(self, uri: str, text: str) -> list[types.Diagnostic]:
        """Replace the text; the findings, once it was read."""
        self.findings.pop(uri, None)
        self.change(uri, text)
        await self.until(lambda: uri in self.findings)
        return self.findings[uri]

    def change(self, uri: str, text: str) -> None:
        """Replace the text."""
        self._versions[uri] += 1
        identifier = types.VersionedTextDocumentIdentifier(self._versions[uri], uri)
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [whole]))

    async def until(self, is_so) -> None:
        """Wait for something that news bring about."""
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                self._news.clear()
                await self._news.wait()

    def at(self, uri: str, line: int, column: int) -> dict[str, object]:
        """Document and position of a request; line and column from 1."""
        return {
            "text_document": types.TextDocumentIdentifier(uri),
            "position": types.Position(line - 1, column - 1),
        }


@asynccontextmanager
async def editor(folder: Path) -> AsyncIterator[Editor]:
    """A session in a folder; the server's exit code is 0 at its end."""
    client = LanguageClient("editor", "1")
    session = Editor(client)
    await client.start_io(sys.executable, "-m", "solver.cli.main", "lsp")
    root = types.WorkspaceFolder(folder.as_uri(), folder.name)
    capabilities = types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(
            rename=types.RenameClientCapabilities(prepare_support=True)
        )
    )
    await client.initialize_async(
        types.InitializeParams(capabilities=capabilities, workspace_folders=[root])
    )
    client.initialized(types.InitializedParams())
    yield session
    await client.shutdown_async(None)
    client.exit(None)
    async with asyncio.timeout(WAIT_S):
        await client._server.wait()
    assert client._server.returncode == 0
    await client.stop()
