"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from solver.cli.exit_codes import CommandError
from solver.cli.files import check_writable, write_whole


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "plan.json", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "plan.json").read_text(encoding="utf-8") == "new"
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o640


def test_mode_and_link_are_kept(tmp_path: Path) -> None:
    real = tmp_path / "real.mmp"
    real.write_text("old", encoding="utf-8")
    real.chmod(0o604)
    link = tmp_path / "link.mmp"
    link.symlink_to(real)
    write_whole(link, "new")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "new"
    assert real.stat().st_mode & 0o777 == 0o604


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "plan.json"
    target.write_text("old", encoding="utf-8")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CommandError, match="No space left on device"):
        write_whole(target, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
    assert target.read_text(encoding="utf-8") == "old"


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        check_writable(pipe)
        write_whole(pipe, "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_what_can_be_known_before_is_said_before(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="it is a folder"):
        check_writable(tmp_path)
    with pytest.raises(CommandError, match="there is no folder"):
        check_writable(tmp_path / "none" / "plan.json")
    check_writable(tmp_path / "plan.json")
