"""What `mmp init` refuses: it writes nothing then, and says why."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from solver.cli.exit_codes import ExitCode
from solver.cli.main import main

EIGHT = "--devices h100_sxm:8"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (f"--model lama3_8b {EIGHT}", "no model lama3_8b; did you mean llama3_8b?"),
        ("--model llama3_8b --devices h100:8", "it has h100_96_500w, h100_pcie, h100_sxm"),
        ("--model llama3_8b --device h100_sxm --devices h200:8", "differ"),
        ("--model llama3_8b --devices h100_sxm:0", "expected a number such as 16"),
        ("--model llama3_8b --devices h100_sxm:12", "no whole number of nodes of 8"),
        (f"--model clip_vit_l14_336 --seq 128 {EIGHT}", "no sequence length"),
        (f"--model llama3_8b {EIGHT} x.mmp -o y.mmp", "give the file once"),
        (f"--model llama3_8b {EIGHT} nowhere/x.mmp", "there is no folder nowhere"),
        (f"--model llama3_8b {EIGHT} there.mmp", "there.mmp is there already"),
        (f"--model llama3_8b {EIGHT} link.mmp", "link.mmp is there already"),
    ],
)
def test_refusals(
    flags: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    Path("there.mmp").write_text("mine", encoding="utf-8")
    Path("link.mmp").symlink_to("nothing.mmp")
    assert main(["init", *flags.split()]) == ExitCode.USAGE
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.mmp", "there.mmp"]
    assert Path("there.mmp").read_text(encoding="utf-8") == "mine"


def test_without_an_answer_what_is_offered_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO("llama3_70b\n"))
    assert main(["init", "--devices", "16"]) == ExitCode.DONE
    assert "Device: h100_sxm" in capsys.readouterr().err
    text = Path("spec.mmp").read_text(encoding="utf-8")
    assert "mesh pod = h100_sxm[node: 2, gpu: 8]\n\nmodel net = llama3_70b(batch: 128" in text
