"""What `mmp lock` does with repositories and the cache, and what it never does."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import Playground

from dsl.diagnostic import DiagnosticError
from dsl.project.cache import cache_folder
from dsl.project.lockfile import Lock, Locked, read_lock, tree_hash, write_lock
from solver.locking.git import GitError, fetch


def _library(ground: Playground, value: int, *tags: str) -> str:
    """Publish `acme` with this value; the commit."""
    ground.write({"acme/prices.mmp": f"let dear = {value} ms\n"})
    ground.publish("acme", *tags)
    return _git(ground, "rev-parse", "HEAD")


def _git(ground: Playground, *arguments: str) -> str:
    command = ["git", *arguments]
    folder = ground.folder / "acme"
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout[
        :-1
    ]


def _project(ground: Playground, rev: str) -> None:
    ground.write(
        {
            "project/mmp.toml": f'[libraries]\nacme = {{ git = "../acme", rev = "{rev}" }}\n',
            "project/spec.mmp": "import acme.prices (dear)\nlet all = dear\n",
        }
    )
    ground.enter("project")


def _revision(ground: Playground) -> str:
    text = (ground.folder / "project/mmp.lock").read_text()
    (library,) = tomllib.loads(text)["library"]
    return library["revision"]


def test_every_way_to_name_a_commit(ground: Playground) -> None:
    first = _library(ground, 1, "v1")
    _git(ground, "tag", "-a", "noted", "-m", "a tag with a message")
    second = _library(ground, 2)
    _git(ground, "branch", "side", first)
    names = {"v1": first, "noted": first, "side": first, first: first, first[:9]: first}
    for name, commit in {**names, "main": second, "refs/heads/main": second}.items():
        _project(ground, name)
        assert ground.mmp("lock").code == 0, name
        assert _revision(ground) == commit, name


def test_a_moved_tag_changes_nothing_until_it_is_asked_for(ground: Playground) -> None:
    first = _library(ground, 1, "v1")
    _project(ground, "v1")
    ground.mmp("lock")
    second = _library(ground, 2)
    _git(ground, "tag", "-f", "v1")
    shutil.rmtree(ground.folder / "cache")
    assert ground.mmp("lock", "--frozen").code == 0  # fetched again by its commit
    assert _revision(ground) == first
    assert ground.mmp("lock", "--update", "acme").code == 0
    assert _revision(ground) == second


def test_only_the_library_named_is_updated(ground: Playground) -> None:
    first = _library(ground, 1)
    ground.write({"ours/more.mmp": "let cheap = 1 ms\n"})
    _project(ground, "main")
    with Path("mmp.toml").open("a") as stream:
        stream.write('ours = { path = "../ours" }\n')
    ground.mmp("lock")
    _library(ground, 2)
    ground.write({"ours/more.mmp": "let cheap = 2 ms\n"})
    assert ground.mmp("lock", "--update", "ours").code == 0
    libraries = tomllib.loads(Path("mmp.lock").read_text())["library"]
    assert libraries[0]["revision"] == first


def test_offline_once_locked(ground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the repository, without git: another project with the same lock, too."""
    _library(ground, 1, "v1")
    _project(ground, "v1")
    ground.mmp("lock")
    shutil.rmtree(ground.folder / "acme")
    monkeypatch.setenv("PATH", str(ground.folder / "nothing"))
    shutil.copytree(ground.folder / "project", ground.folder / "other")
    for folder in ("project", "other", "project"):
        ground.enter(folder)
        assert ground.mmp("check", "--frozen", "spec.mmp").code == 0
        assert ground.mmp("lock").code == 0
        assert ground.mmp("lock", "--frozen").code == 0
    ran = ground.mmp("lock", "--update")
    assert ran.code == 1
    assert "there is no program `git`" in ran.err


def test_a_lock_that_fails_changes_nothing(ground: Playground) -> None:
    _library(ground, 1, "v1")
    _project(ground, "v1")
    ground.mmp("lock")
    before = Path("mmp.lock").read_bytes()
    _project(ground, "v9")
    assert ground.mmp("lock").code == 1
    assert Path("mmp.lock").read_bytes() == before
    assert [path.name for path in Path().glob(".mmp*")] == []


def test_nothing_of_the_repository_runs(ground: Playground) -> None:
    """Attributes, filters and hooks of a library have no effect on its files."""
    ground.write({"acme/.gitattributes": "*.mmp text eol=crlf filter=shout export-ignore\n"})
    _library(ground, 1, "v1")
    _project(ground, "v1")
    ground.mmp("lock")
    (copy,) = (ground.folder / "cache/libraries").glob("*/*.mmp")
    assert copy.read_bytes() == b"let dear = 1 ms\n"


def test_git_of_a_hook_is_another_one(ground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mmp lock` in a hook of git, which sets these, fetches all the same."""
    _library(ground, 1, "v1")
    _project(ground, "v1")
    monkeypatch.setenv("GIT_DIR", str(ground.folder / "nothing"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(ground.folder / "nothing"))
    assert ground.mmp("lock").code == 0


def test_options_are_no_revisions(ground: Playground) -> None:
    _library(ground, 1)
    for url, revision in (("--upload-pack=true", "main"), ("acme", "--all")):
        with pytest.raises(GitError, match="cannot begin"):
            fetch(url, revision)


def test_symbolic_links_are_refused(ground: Playground) -> None:
    (ground.folder / "acme").mkdir()
    (ground.folder / "acme/secret.mmp").symlink_to("/etc/passwd")
    _library(ground, 1, "v1")
    _project(ground, "v1")
    ran = ground.mmp("lock")
    assert "`secret.mmp` is a symbolic link" in ran.err
    assert ran.code == 1


def test_outside_of_a_project(ground: Playground) -> None:
    ground.write({"spec.mmp": "let one = 1\n"})
    assert ground.mmp("lock").err == "mmp: there is no mmp.toml here or in a folder above\n"
    assert ground.mmp("check", "--frozen", "spec.mmp").code == 0


@pytest.mark.parametrize("command", ["solve", "eval", "sweep", "sensitivity", "explain"])
def test_frozen_stops_every_command(ground: Playground, command: str) -> None:
    _library(ground, 1, "v1")
    _project(ground, "v1")
    more = {"sweep": ["--over", "n=1,2"]}.get(command, [])
    ran = ground.mmp(command, "spec.mmp", *more, "--frozen")
    assert ran.err.startswith("error[MMP721]: library `acme` is not locked")
    assert ran.code == 1


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MMP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MMP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "mmp"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "mmp"


# ---- the lock file -------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
PATHS = TEXTS.filter(lambda path: ".." not in path and not path.startswith("/"))


@st.composite
def _locks(draw: st.DrawFn) -> Lock:
    libraries = []
    for name in sorted(draw(st.sets(TEXTS, max_size=3))):
        files = draw(st.dictionaries(PATHS, HASHES, max_size=3))
        source = draw(st.sampled_from(["git+", "path+"])) + "x" + draw(TEXTS)
        fields = (name, source, draw(TEXTS), draw(TEXTS), tree_hash(files))
        libraries.append(Locked(*fields, tuple(sorted(files.items()))))
    return Lock(tuple(libraries))


@given(_locks())
def test_a_lock_file_is_read_back(lock: Lock) -> None:
    assert read_lock(write_lock(lock).encode(), "mmp.lock") == lock


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_are_a_bug(data: bytes) -> None:
    with pytest.raises(DiagnosticError, match="MMP727"):
        read_lock(data, "mmp.lock")
