"""`mmp solve --prices`: searches that end early or badly cost neither the plan nor other prices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Executor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from dsl.load import load
from solver.cli.exit_codes import ExitCode
from solver.cli.main import main
from solver.cli.pricing import Pricer
from solver.cli.report.prices import in_words
from solver.cli.tasks import spec as spec_task
from solver.events import Options
from solver.explain.price import NOTHING, Price
from solver.explain.price_wishes import wishes
from solver.isolate.interrupts import Interrupts
from solver.search.solve import solve
from solver.sweep.executors import Place
from tests.cli.running import wait_for

HERE = Path(__file__).parent
SPEC = """\
language 1
import hardware.nvidia (h100_sxm)

model mlp(batch: int, width: int) {
  batch index b = batch
  index d = width, f = 4 * width

  input x[b, d]
  up[b, f] = matmul(x[b, d], param w[d, f])
  down[b, d] = matmul(up[b, f], param w[f, d])
  output down
}

mesh pod = h100_sxm[gpu: 2]

model net = mlp(batch: 2, width: 1024)

train {
  pipeline 1 stage
}

limit memory <= 70 GiB per device

pin net.up : b over gpu

minimize step_time
"""
PRICED = ("pin net.up : b over gpu", "limit memory <= 70 GiB per device", "pipeline 1 stage")
Json = dict[str, Any]


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("mlp.mmp")
    path.write_text(SPEC, encoding="utf-8")
    return path


def _prices(document: Json) -> dict[str, Json | None]:
    """Text -> price of everything that has one, known or not."""
    return {one["text"]: one["price"] for one in [*document["pins"], *document["prices"]]}


def _read(path: str) -> Json:
    found: Json = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


@pytest.mark.usefixtures("spec")
def test_a_search_that_dies_costs_its_own_price_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spec_task, "SEARCH", "fake_searches:dies_without_limits")
    arguments = ["mlp.mmp", "--prices", "-o", "plan.json", "--jobs", "2"]
    assert main(["solve", *arguments]) == ExitCode.DONE
    out, err = capsys.readouterr()
    prices = _prices(_read("plan.json"))
    assert prices.pop(PRICED[1]) is None
    assert all(price is not None and price["exact"] for price in prices.values())
    limit = f"mmp: price of `{PRICED[1]}` (mlp.mmp:22): "
    assert f"{limit}the solver process failed: it exited with code 5" in err
    assert f"{limit}not known\n" in err
    assert "mmp: 1 of 3 prices are not known" in err
    assert "not known" in next(line for line in out.splitlines() if PRICED[1] in line)
    assert main(["verify", "plan.json"]) == ExitCode.DONE


@pytest.mark.usefixtures("spec")
def test_the_time_for_prices_is_for_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["mlp.mmp", "--prices", "--price-limit", "0.001", "--jobs", "1", "--json"]
    assert main(["solve", *arguments]) == ExitCode.DONE
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["outcome"]["plan"] == "optimal"
    prices = _prices(document)
    assert [prices[text] for text in PRICED[1:]] == [None, None]  # the first took all of it
    assert " of 3 prices are not known" in err


@pytest.mark.usefixtures("spec")
def test_what_is_cheaper_is_sought_near_the_plan_and_the_bound_is_that_of_all_plans(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = wishes(load("mlp.mmp"), lambda _: SPEC)
    free = solve(asked[0].without, Options(), lambda _: None, threading.Event())
    monkeypatch.setattr(spec_task, "SEARCH", "fake_searches:finds_only_parts_without_pins")
    assert main(["solve", "mlp.mmp", "--prices", "--jobs", "1", "--json"]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    found, value = _prices(document)[PRICED[0]], document["objective"]["value"]
    assert free["outcome"]["plan"] == "optimal"
    assert found is not None
    assert found["least_s"] == pytest.approx(value - free["objective"]["value"], rel=1e-3)
    assert found["least_s"] > 0
    assert found["most_s"] == pytest.approx(value - 1e-9)


class _Gone(Executor):
    def submit(self, *_given: Any, **_named: Any) -> Any:
        raise RuntimeError("the scheduler is gone")


@pytest.mark.usefixtures("spec")
def test_a_place_that_is_gone_costs_prices_and_no_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "mlp.mmp", "--json"]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    asked = wishes(load("mlp.mmp"), lambda _: SPEC)
    place = Place(_Gone(), 1, lambda _: nullcontext, lambda: None)  # type: ignore[arg-type, return-value]
    found = Pricer(asked, Options(), 9.0, place, Interrupts()).priced(document)
    assert _prices(found) == dict.fromkeys(PRICED)
    told = capsys.readouterr().err
    assert "mmp: pricing failed: RuntimeError('the scheduler is gone'); details are in " in told
    assert {**found, "pins": 0, "prices": 0} == {**document, "pins": 0, "prices": 0}


RUNNER = """
import signal, sys
sys.path.insert(0, sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)
from solver.cli.main import main
from solver.cli.tasks import spec
spec.SEARCH = "fake_searches:waits_without_limits"
sys.exit(main(["solve", *sys.argv[2:]]))
"""


def test_an_interrupt_keeps_the_plan_and_the_prices_so_far(spec: Path) -> None:
    waits = Path(f"{spec}.waits")
    arguments = [str(spec), "--prices", "--jobs", "1", "-o", "plan.json", "--json"]
    running = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(HERE), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    try:
        wait_for(waits)
        early = _read("plan.json")  # were the command killed now, this would be left
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == ExitCode.DONE, err
    document = json.loads(out)
    assert document == _read("plan.json")
    assert document["outcome"] == early["outcome"] == {"stopped": "proved", "plan": "optimal"}
    assert "prices" not in early
    prices = _prices(document)
    assert prices[PRICED[0]] is not None  # done before
    assert prices[PRICED[1]] is not None  # interrupted: from the value and bound it had
    assert prices[PRICED[2]] is None
    assert main(["verify", "plan.json"]) == ExitCode.DONE


@pytest.mark.parametrize(
    ("price", "objective", "words"),
    [
        (None, "step_time", "not known"),
        (NOTHING, "step_time", "nothing"),
        (Price(0.12, 0.12), "step_time", "exactly 120.0 ms"),
        (Price(0.0, 0.3), "step_time", "at most 300.0 ms"),
        (Price(0.01, 1.2), "step_time", "between 10.00 ms and 1.200 s"),
        (Price(0.0, 2.0**30), "memory", "at most 1.000 GiB"),
    ],
)
def test_a_price_in_words(price: Price | None, objective: str, words: str) -> None:
    assert in_words(price, objective) == words
