"""The language server: which request is answered by what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidRequest
from pygls.lsp.server import LanguageServer
from pygls.workspace import PositionCodec

from dsl.editor.analysis import Analysis
from dsl.editor.definitions import Occurrence
from dsl.editor.patch import patched, reads
from dsl.editor.rename import RefusedError
from solver.cli.versions import version_of
from solver.lsp import answers, renaming
from solver.lsp.documents import Documents, line_before
from solver.lsp.findings import published
from solver.lsp.places import lines_of, path_of, to_place, to_range
from solver.lsp.planning import Planned, plan

PLAN = "mmp.plan"
_TRIGGERS = [".", "[", "(", ","]
_ACTIONS = [types.CodeActionKind.QuickFix]


class Server(LanguageServer):
    """One connection: its documents, and what came of planning them."""

    def __init__(self) -> None:
        super().__init__("mmp", version_of("mmp"))
        self.documents = Documents(lambda: self.workspace, self._publish)
        self.plans: dict[str, Planned] = {}

    @property
    def codec(self) -> PositionCodec:
        """How the client counts characters."""
        return self.workspace.position_codec

    def show(self, message: str, kind: types.MessageType) -> None:
        """A message for the user."""
        self.window_show_message(types.ShowMessageParams(kind, message))

    def _publish(self, uri: str, analysis: Analysis) -> None:
        found = list(analysis.diagnostics)
        planned = self.plans.get(uri)
        if planned is not None and planned.source != analysis.source:
            del self.plans[uri]
        elif planned is not None and planned.conflict is not None:
            found.append(planned.conflict)
        shown = published(found, analysis.path, analysis.sources, self.codec)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, shown))

    def planned(self, uri: str, analysis: Analysis, planned: Planned) -> None:
        """Keep and show what came of planning."""
        self.plans[uri] = planned
        self._publish(uri, analysis)

    def place(self, uri: str, position: types.Position) -> tuple[int, int]:
        """Line and column of a position in a document as it is now."""
        return to_place(position, lines_of(self.documents.source(uri)), self.codec)

    async def near(self, uri: str, line: int, column: int) -> tuple[Analysis, int]:
        """An analysis that holds for a place of the document as it is now, and how far further down
        its line is by now. Waits for one only where that statement declares what stands there."""
        analysis, source = self.documents.latest(uri), self.documents.source(uri)
        if analysis is not None:
            before = line_before(analysis.source, source, line)
            if before is not None:
                return analysis, line - before
            if (found := patched(analysis, source, line)) is not None and reads(
                found, line, column
            ):
                return found, 0
        return await self.documents.fresh(uri), 0

    async def occurrence(
        self, uri: str, position: types.Position
    ) -> tuple[Analysis, Occurrence | None]:
        """The name at a position."""
        line, column = self.place(uri, position)
        analysis, shift = await self.near(uri, line, column)
        return analysis, analysis.at(line - shift, column)


async def opened(ls: Server, asked: types.DidOpenTextDocumentParams) -> None:
    """Read it at once."""
    ls.documents.schedule(asked.text_document.uri, 0.0)


async def changed(ls: Server, asked: types.DidChangeTextDocumentParams) -> None:
    """Read it when typing pauses."""
    ls.documents.schedule(asked.text_document.uri)


async def files_changed(ls: Server, asked: types.DidChangeWatchedFilesParams) -> None:
    """Files that are not open have changed."""
    del asked
    await ls.documents.recheck()


async def closed(ls: Server, asked: types.DidCloseTextDocumentParams) -> None:
    """Forget it, and its findings."""
    uri = asked.text_document.uri
    ls.documents.close(uri)
    ls.plans.pop(uri, None)
    ls.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


async def hover(ls: Server, asked: types.HoverParams) -> types.Hover | None:
    """What a name or a quantity means."""
    uri = asked.text_document.uri
    line, column = ls.place(uri, asked.position)
    analysis, shift = await ls.near(uri, line, column)
    return answers.hover_at(analysis, line - shift, column, shift, ls.codec)


async def definition(ls: Server, asked: types.DefinitionParams) -> types.Location | None:
    """Where a name is declared."""
    uri = asked.text_document.uri
    analysis, found = await ls.occurrence(uri, asked.position)
    latest = ls.documents.latest(uri)
    if found is None or latest is None:
        return None
    here = answers.definition_of(analysis, found, ls.documents, ls.codec)
    line = found.definition.span.line
    now = line_before(ls.documents.source(uri), latest.source, line) if here.uri == uri else line
    if now is None:  # that line was changed since it was read
        await ls.documents.fresh(uri)
        return await definition(ls, asked)
    return answers.moved(here, now - line)


async def references(ls: Server, asked: types.ReferenceParams) -> list[types.Location]:
    """Where else in the document a name means the same."""
    uri = asked.text_document.uri
    await ls.documents.fresh(uri)
    analysis, found = await ls.occurrence(uri, asked.position)
    lines = lines_of(analysis.source)
    same = analysis.of(found.definition) if found is not None else ()
    return [types.Location(uri, to_range(o.span, lines, ls.codec)) for o in same]


async def completion(ls: Server, asked: types.CompletionParams) -> types.CompletionList | None:
    """What could be written here."""
    uri = asked.text_document.uri
    line, column = ls.place(uri, asked.position)
    analysis = ls.documents.latest(uri) or await ls.documents.fresh(uri)
    return answers.completion_at(analysis, ls.documents.source(uri), line, column)


async def formatting(
    ls: Server, asked: types.DocumentFormattingParams
) -> list[types.TextEdit] | None:
    """The one style, for a text that parses."""
    uri = asked.text_document.uri
    path = path_of(uri) or uri
    source = ls.documents.source(uri)
    return await ls.documents.aside(answers.formatted, source, path, ls.documents.readings)


async def prepare_rename(ls: Server, asked: types.PrepareRenameParams) -> types.Range:
    """The name to be changed; an error where it cannot be."""
    uri = asked.text_document.uri
    await ls.documents.fresh(uri)
    analysis, found = await ls.occurrence(uri, asked.position)
    try:
        occurrence = renaming.check(found)
    except RefusedError as refused:
        raise JsonRpcInvalidRequest(str(refused)) from refused
    return to_range(occurrence.span, lines_of(analysis.source), ls.codec)


async def rename(ls: Server, asked: types.RenameParams) -> types.WorkspaceEdit:
    """The name in every file of the workspace; an error where that would break something."""
    uri = asked.text_document.uri
    for other in {*ls.documents.known, uri}:
        await ls.documents.fresh(other)
    analysis, found = await ls.occurrence(uri, asked.position)
    roots = [Path(path) for folder in ls.workspace.folders if (path := path_of(folder))]
    try:
        return await renaming.rename(
            ls.documents, roots, analysis, renaming.check(found), asked.new_name, ls.codec
        )
    except RefusedError as refused:
        raise JsonRpcInvalidRequest(str(refused)) from refused


async def actions(
    ls: Server, asked: types.CodeActionParams
) -> Sequence[types.CodeAction | types.Command]:
    """Fixes of findings, ways out of a conflict, and to look for a plan."""
    uri = asked.text_document.uri
    analysis = await ls.documents.fresh(uri)
    found = answers.quick_fixes(analysis, asked, ls.codec)
    planned = ls.plans.get(uri)
    if planned is not None and planned.source == analysis.source:
        found += [answers.quick_fix(way, uri, analysis, ls.codec) for way in planned.ways]
    if analysis.module is not None and not analysis.module.is_library:
        return [*found, types.Command("Look for a plan", PLAN, arguments=[uri])]
    return found


async def plan_command(ls: Server, uri: str) -> None:
    """Plan a saved spec; a conflict becomes findings with ways out."""
    analysis = await ls.documents.fresh(uri)
    path = Path(analysis.path)
    if not path.is_file() or path.read_bytes() != analysis.source.encode():
        ls.show(
            "save the file first: a plan is looked for in what is saved", types.MessageType.Info
        )
        return
    found = await plan(analysis)
    ls.planned(uri, analysis, found)
    kind = types.MessageType.Info if found.is_good else types.MessageType.Warning
    ls.show(f"{path.name}: {found.message}", kind)


_FEATURES = (
    (types.TEXT_DOCUMENT_DID_OPEN, opened, None),
    (types.TEXT_DOCUMENT_DID_CHANGE, changed, None),
    (types.TEXT_DOCUMENT_DID_CLOSE, closed, None),
    (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, files_changed, None),
    (types.TEXT_DOCUMENT_HOVER, hover, None),
    (types.TEXT_DOCUMENT_DEFINITION, definition, None),
    (types.TEXT_DOCUMENT_REFERENCES, references, None),
    (
        types.TEXT_DOCUMENT_COMPLETION,
        completion,
        types.CompletionOptions(trigger_characters=_TRIGGERS),
    ),
    (types.TEXT_DOCUMENT_FORMATTING, formatting, None),
    (types.TEXT_DOCUMENT_PREPARE_RENAME, prepare_rename, None),
    (types.TEXT_DOCUMENT_RENAME, rename, types.RenameOptions(prepare_provider=True)),
    (types.TEXT_DOCUMENT_CODE_ACTION, actions, types.CodeActionOptions(_ACTIONS)),
)


def serve() -> None:
    """Serve standard input and output until the client leaves."""
    server = Server()
    for method, answer, options in _FEATURES:
        server.feature(method, options)(answer)
    server.command(PLAN)(plan_command)
    try:
        server.start_io()
    finally:
        server.documents.stop()
