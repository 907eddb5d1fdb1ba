"""Renaming over the files of a workspace."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from lsprotocol import types
from pygls.workspace import PositionCodec

from dsl.editor.analysis import Analysis, analyse
from dsl.editor.definitions import Occurrence
from dsl.editor.rename import check
from dsl.editor.rename import rename as rename_in
from dsl.editor.workspace import mentioning
from solver.lsp.answers import text_edits
from solver.lsp.documents import Documents

__all__ = ["check", "rename"]


async def rename(
    documents: Documents,
    roots: Iterable[Path],
    here: Analysis,
    at: Occurrence,
    new: str,
    codec: PositionCodec,
) -> types.WorkspaceEdit:
    """The edits of every file that names it. Raises RefusedError."""
    return await asyncio.to_thread(_rename, documents, tuple(roots), here, at, new, codec)


def _rename(
    documents: Documents,
    roots: Iterable[Path],
    here: Analysis,
    at: Occurrence,
    new: str,
    codec: PositionCodec,
) -> types.WorkspaceEdit:
    texts = documents.texts()
    known = {analysis.path: analysis for analysis in list(documents.known.values())}
    for path, text in mentioning(roots, at.definition.name).items():
        if path not in known:
            known[path] = analyse(path, text, texts, readings=documents.readings)
    known[here.path] = here
    edits = rename_in(known.values(), at, here, new, texts)
    changes = {
        documents.uri(path): text_edits(found, known[path].source, codec)
        for path, found in edits.items()
    }
    return types.WorkspaceEdit(changes=changes)
