"""The language server through a real client, over standard input and output."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from client import Editor, editor
from lsprotocol import types
from pygls.exceptions import JsonRpcException

BASE = Path(__file__).resolve().parents[1] / "editor" / "base.mmp"
SOURCE = BASE.read_text(encoding="utf-8")
LIBRARY = """\
language 1

/// An operator; ü and 🙂 count as the client counts.
model layer(batch: int, size: int) {
  batch index b = batch
  index d = size
  input x[b, d]
  up[b, d] = gelu(x)
}
"""
USER = """\
language 1
import "./library.mmp" (layer)
import hardware.nvidia (h100_sxm)

mesh pod = h100_sxm[gpu: 2]
/* 🙂🙂 */ model net = layer(batch: 2, size: 4)

pin net.up : d over gpu
"""


def spot(source: str, before: str, after: str = "") -> tuple[int, int]:
    """Line and column behind the first place where this text stands."""
    place = source.index(before + after) + len(before)
    return source.count("\n", 0, place) + 1, place - source.rfind("\n", 0, place)


async def apply_first(session: Editor, uri: str, source: str, line: int, title: str) -> str:
    """The text after the code action of that title for a line."""
    found = session.findings[uri]
    where = types.Range(types.Position(line - 1, 0), types.Position(line - 1, 50))
    actions = await session.client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri), where, types.CodeActionContext(found)
        )
    )
    assert actions is not None
    action = next(a for a in actions if a.title == title)
    assert isinstance(action, types.CodeAction)
    assert action.edit is not None
    assert action.edit.changes is not None
    return edited(source, action.edit.changes[uri])


def edited(source: str, edits: list[types.TextEdit] | tuple[types.TextEdit, ...]) -> str:
    """A text of plain characters with edits made, which do not overlap."""
    lines = source.split("\n")
    for edit in sorted(edits, key=lambda e: e.range.start, reverse=True):
        start, end = edit.range.start, edit.range.end
        last = lines[end.line][end.character :] if end.line < len(lines) else ""
        joined = lines[start.line][: start.character] + edit.new_text + last
        lines[start.line : end.line + 1] = joined.split("\n")
    return "\n".join(lines)


def test_a_session(tmp_path: Path) -> None:
    asyncio.run(_session(tmp_path))


async def _session(folder: Path) -> None:
    async with editor(folder) as session:
        uri = await session.open(folder / "base.mmp", SOURCE)
        assert session.findings[uri] == []
        await _looks_up(session, uri)
        await _completes(session, uri)
        await _jumps_while_typing(session, uri)
        await _mends(session, uri)
        await _formats(session, uri)
        await _renames(session, uri)


async def _looks_up(session: Editor, uri: str) -> None:
    place = session.at(uri, *spot(SOURCE, "mlp.do"))
    found = await session.client.text_document_hover_async(types.HoverParams(**place))
    assert found is not None
    assert "net.layers[0].mlp.down" in found.contents.value
    location = await session.client.text_document_definition_async(types.DefinitionParams(**place))
    line, column = spot(SOURCE, "      ", "down[b, d]")
    assert location == types.Location(
        uri,
        types.Range(types.Position(line - 1, column - 1), types.Position(line - 1, column + 3)),
    )
    place = session.at(uri, *spot(SOURCE, "(h100_s"))
    location = await session.client.text_document_definition_async(types.DefinitionParams(**place))
    assert location.uri.endswith("stdlib/hardware/nvidia.mmp")
    place = session.at(uri, *spot(SOURCE, "2 "))
    found = await session.client.text_document_hover_async(types.HoverParams(**place))
    assert found.contents.value == "2 ms: 2 ms = 0.002 s"
    place = session.at(uri, 1, 1)
    assert await session.client.text_document_hover_async(types.HoverParams(**place)) is None


async def _completes(session: Editor, uri: str) -> None:
    """While the text is broken, and before it was read again."""
    typed = f"{SOURCE}\npin net.layers[*]."
    session.change(uri, typed)
    place = session.at(uri, *spot(typed, "\npin net.layers[*].", ""))
    line = typed.count("\n") + 1
    place = session.at(uri, line, len("pin net.layers[*].") + 1)
    offered = await session.client.text_document_completion_async(types.CompletionParams(**place))
    assert [item.label for item in offered.items] == ["mlp"]


async def _jumps_while_typing(session: Editor, uri: str) -> None:
    """Places are those of the text as it is, though it was not read again."""
    typed = SOURCE.replace("param price", "// a line more\n\nparam price").replace(
        "pin net.layers[*].mlp.down : f over gpu weight half",
        "pin net.layers[*].mlp.up : f over gpu weight half",
    )
    for before in ("pin net.layers[*].mlp.u", "gpu weight ha", "f over axes weight pri"):
        session.change(uri, SOURCE)
        session.change(uri, typed)
        place = session.at(uri, *spot(typed, before))
        found = await session.client.text_document_definition_async(types.DefinitionParams(**place))
        line = typed.split("\n")[found.range.start.line]
        name = line[found.range.start.character : found.range.end.character]
        assert name == {"u": "up", "a": "half", "i": "price"}[before[-1]]
    assert await session.type(uri, SOURCE) == []


async def _mends(session: Editor, uri: str) -> None:
    typed = SOURCE.replace("pin net.layers", "pin net.layer")
    (found,) = await session.type(uri, typed)
    assert (found.code, found.range.start.line + 1) == ("MMP406", spot(typed, "pin net.layer[")[0])
    line = found.range.start.line + 1
    assert await apply_first(session, uri, typed, line, "Write `layers`") == SOURCE
    assert await session.type(uri, SOURCE) == []


async def _formats(session: Editor, uri: str) -> None:
    untidy = SOURCE.replace("let half = price / 2", "let   half=price/2")
    await session.type(uri, untidy)
    asked = types.DocumentFormattingParams(
        types.TextDocumentIdentifier(uri), types.FormattingOptions(2, True)
    )
    edits = await session.client.text_document_formatting_async(asked)
    assert len(edits) == 1
    assert edited(untidy, edits) == SOURCE
    session.change(uri, "let x =")
    assert await session.client.text_document_formatting_async(asked) is None
    assert await session.type(uri, SOURCE) == []


async def _renames(session: Editor, uri: str) -> None:
    place = session.at(uri, *spot(SOURCE, "param pri"))
    name = await session.client.text_document_prepare_rename_async(
        types.PrepareRenameParams(**place)
    )
    assert name == types.Range(types.Position(6, 6), types.Position(6, 11))
    change = await session.client.text_document_rename_async(
        types.RenameParams(new_name="cost", **place)
    )
    after = edited(SOURCE, change.changes[uri])
    assert after == SOURCE.replace("price", "cost")
    for line, column, new in [(*spot(SOURCE, "param pri"), "half"), (1, 1, "x")]:
        with pytest.raises(JsonRpcException):
            await session.client.text_document_rename_async(
                types.RenameParams(new_name=new, **session.at(uri, line, column))
            )


def test_files_of_a_workspace(tmp_path: Path) -> None:
    asyncio.run(_files(tmp_path))


async def _files(folder: Path) -> None:
    (folder / "library.mmp").write_text(LIBRARY, encoding="utf-8")
    (folder / "user.mmp").write_text(USER, encoding="utf-8")
    async with editor(folder) as session:
        user = await session.open(folder / "user.mmp")
        assert session.findings[user] == []
        library = (folder / "library.mmp").as_uri()
        # UTF-16: each of the two faces counts twice.
        place = session.at(user, 6, USER.split("\n")[5].index("layer") + 1 + 2 + 2)
        found = await session.client.text_document_definition_async(types.DefinitionParams(**place))
        assert found == types.Location(
            library, types.Range(types.Position(3, 6), types.Position(3, 11))
        )
        change = await session.client.text_document_rename_async(
            types.RenameParams(new_name="part", **place)
        )
        counts = {uri: len(edits) for uri, edits in change.changes.items()}
        assert counts == {user: 2, library: 1}
        face = next(e for e in change.changes[user] if e.range.start.line == 5)
        assert face.range.start.character == USER.split("\n")[5].index("layer") + 2

        # What is typed in one file is seen in the other, saved or not.
        await session.open(folder / "library.mmp")
        session.findings.pop(user)
        await session.type(library, LIBRARY.replace("up[b", "above[b"))
        await session.until(lambda: bool(session.findings.get(user)))
        assert [f.code for f in session.findings[user]] == ["MMP406"]
        session.findings.pop(user)
        await session.type(library, LIBRARY.replace("index d =", "index d = ="))
        await session.until(lambda: user in session.findings)
        (broken,) = session.findings[user]
        assert broken.range.start.line == 1
        assert "library.mmp:6:13" in broken.message
        (related, *_) = broken.related_information
        assert related.location.uri == library

        # A file that was closed is read from the disk, and again when the editor says so.
        session.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(library))
        )
        (folder / "library.mmp").write_text(LIBRARY, encoding="utf-8")
        session.findings.pop(user)
        changed = types.FileEvent(library, types.FileChangeType.Changed)
        session.client.workspace_did_change_watched_files(
            types.DidChangeWatchedFilesParams([changed])
        )
        await session.until(lambda: user in session.findings)
        assert session.findings[user] == []


INFEASIBLE = """\
language 1

device lab {
  compute bf16 100 TFLOP/s
  memory 16 GiB at 1 TB/s
  launch 2 us
  link bus : 100 GB/s latency 1 us
}

model two(batch: int) {
  batch index b = batch
  index d = 2048, f = 8192
  input x[b, d]
  up[b, f] = matmul(x, param w[d, f])
  down[b, d] = matmul(up, param v[f, d])
}

mesh pod = lab[gpu: 2]

model net = two(batch: 64)

train { microbatches 1  pipeline 1 stage }

limit memory <= 256 MiB per device

pin net.down : whole f
"""


@pytest.mark.slow
def test_a_conflict_and_its_ways_out(tmp_path: Path) -> None:
    asyncio.run(_conflict(tmp_path))


async def _conflict(folder: Path) -> None:
    path = folder / "spec.mmp"
    path.write_text(INFEASIBLE, encoding="utf-8")
    async with editor(folder) as session:
        uri = await session.open(path)
        assert session.findings[uri] == []
        await _plan(session, uri)
        assert "there is no plan" in session.messages[-1]
        (conflict,) = session.findings[uri]
        assert conflict.code == "MMP501"
        line = conflict.range.start.line + 1
        assert INFEASIBLE.split("\n")[line - 1].startswith("limit memory")
        titles = await _titles(session, uri)
        for title in [t for t in titles if t.startswith("Way out")]:
            mended = await apply_first(session, uri, INFEASIBLE, line, title)
            path.write_text(mended, encoding="utf-8")
            assert await session.type(uri, mended) == []
            await _plan(session, uri)
            assert "a plan of" in session.messages[-1], title
            path.write_text(INFEASIBLE, encoding="utf-8")
            await session.type(uri, INFEASIBLE)
            await _plan(session, uri)
        assert any(t.startswith("Way out: raise the limit to") for t in titles)
        await session.type(uri, INFEASIBLE + "\n")
        await _plan(session, uri)
        assert "save the file first" in session.messages[-1]


async def _plan(session: Editor, uri: str) -> None:
    await session.client.workspace_execute_command_async(
        types.ExecuteCommandParams("mmp.plan", [uri])
    )


async def _titles(session: Editor, uri: str) -> list[str]:
    where = types.Range(types.Position(0, 0), types.Position(0, 0))
    actions = await session.client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri), where, types.CodeActionContext([])
        )
    )
    return [action.title for action in actions or ()]
