"""Configurations that are not read: each file shows one mistake, in words that name the field."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsl.codes import CODES as SYNTAX_CODES
from dsl.codes import merge
from dsl.render import render_all
from dsl.resolve.codes import CODES as SPEC_CODES
from solver.cli.main import main
from solver.importing.codes import CODES
from solver.importing.hf.read import ConfigError, read
from solver.instance.codes import CODES as INSTANCE_CODES

HERE = Path(__file__).parent
INVALID = sorted((HERE / "invalid").glob("*.json"))
ONE_OF_EACH = (
    "deepseek_v3",
    "gemma2_9b",
    "gemma_7b",
    "gpt2",
    "gpt_oss_20b",
    "llama2_7b",
    "mistral_7b",
    "mixtral_8x7b",
    "nemotron4_340b",
    "pythia_70m",
    "qwen2_57b_a14b",
    "qwen2_5_0_5b",
    "qwen3_30b_a3b",
)


def refused(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(path.read_bytes(), path.name)
    return caught.value


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_diagnostics(path: Path, golden: Callable[[Path, str], None]) -> None:
    error = refused(path)
    golden(path.with_suffix(".txt"), render_all(error.diagnostics, error.sources.get) + "\n")
    if path.stem != "several":
        assert len(error.diagnostics) == 1


def test_every_code_is_shown() -> None:
    errors = {found.code for path in INVALID for found in refused(path).diagnostics}
    config = json.loads((HERE / "configs" / "mistral_7b.json").read_bytes())
    changed = json.dumps({**config, "attention_sinks": 4}).encode()
    warnings = [found.code for found in read(changed, "config.json").warnings]
    assert warnings == ["MMP707", "MMP708"]
    assert errors | set(warnings) == {row.code for row in CODES}


def test_a_misspelt_field_that_may_be_missing_is_a_warning_with_a_suggestion() -> None:
    config = json.loads((HERE / "configs" / "llama3_8b.json").read_bytes())
    config["num_key_value_head"] = config.pop("num_key_value_heads")
    (warning,) = read(json.dumps(config).encode(), "config.json").warnings
    assert warning.message == "num_key_value_head: not known, taken to change nothing"
    assert warning.help == "did you mean `num_key_value_heads`?"


def test_codes_are_of_their_own() -> None:
    tables = (SYNTAX_CODES, SPEC_CODES, INSTANCE_CODES, CODES)
    assert len(merge(*tables)) == sum(map(len, tables))


def outcome(data: bytes, folder: Path) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of an import in this process."""
    path = folder / "config.json"
    path.write_bytes(data)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["import", "hf", str(path)])
    return code, out.getvalue(), err.getvalue()


def small(model: str) -> dict[str, object]:
    """A released configuration with fewer layers, for speed."""
    config = json.loads((HERE / "configs" / f"{model}.json").read_bytes())
    layers = "n_layer" if "n_layer" in config else "num_hidden_layers"
    config[layers] = 4
    return dict(config)


def assert_in_words(code: int, out: str, err: str) -> None:
    """A preset, or a diagnostic of the importer; never a traceback or a report of a bug."""
    assert code in (0, 1), err
    if code:
        assert out == ""
        assert "error[MMP70" in err
    else:
        assert "\nmodel " in out
        assert "error" not in err


NUMBERS = st.sampled_from((-1, 0, 1, 2, 3, 7, 8, 4095, 10**6, 2**40, 2**41, 10**30, 0.5, 1e300))
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=6)
VALUES = LEAVES | st.lists(LEAVES, max_size=3) | st.dictionaries(st.text(max_size=3), LEAVES)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(ONE_OF_EACH))
def test_damaged_fields_end_in_words(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, model: str
) -> None:
    config = small(model)
    names = st.sampled_from((*config, "_name_or_path", "layer_types"))
    for name in data.draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        if data.draw(st.booleans()):
            config[name] = data.draw(VALUES)
        else:
            config.pop(name, None)
    folder = tmp_path_factory.mktemp("damaged")
    assert_in_words(*outcome(json.dumps(config).encode(), folder))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 700), st.binary(max_size=4))
def test_damaged_text_ends_in_words(
    tmp_path_factory: pytest.TempPathFactory, at: int, what: bytes
) -> None:
    text = json.dumps(small("pythia_70m")).encode()
    folder = tmp_path_factory.mktemp("damaged")
    assert_in_words(*outcome(text[:at] + what + text[at + 2 :], folder))


@pytest.mark.parametrize("size", [100_000, 5_000])
def test_deep_and_long_values_end_in_words(size: int, tmp_path: Path) -> None:
    for value in ("[" * size + "]" * size, "1" * size, '"' + "x" * size + '"'):
        text = json.dumps(small("pythia_70m"))[:-1] + f', "hidden_size": {value}}}'
        assert outcome(text.encode(), tmp_path)[0] == 1
        text = json.dumps(small("pythia_70m"))[:-1] + f', "something": {value}}}'
        assert_in_words(*outcome(text.encode(), tmp_path))
