"""A team's round trip: a library in git, locked and planned with; published anew, taken over, the
plans compared; refused when someone has touched it."""

from __future__ import annotations

import json

from playing import Playground

STRATEGIES = """\
// How our team cuts.
language 1

/// One cut for all.
strategy cut(layers: path, over axes: axes) {
  pin layers.* : INDEX over axes
}
"""
SPEC = """\
language 1
import acme.strategies as acme

device small {
  compute bf16 1 TFLOP/s
  memory 16 GiB at 100 GB/s
  link bus : 10 GB/s latency 1 us
}

model tiny(batch: int) {
  batch index b = batch
  index d = 64, f = 256
  input x[b, d]
  repeat 2 as layers {
    up[b, f] = matmul(x, param w[d, f])
    down[b, d] = matmul(up, param w2[f, d])
    x = down
  }
}

mesh ring = small[gpu: 4]

model net = tiny(batch: 16)

train { microbatches 1  pipeline 1 stage }

apply acme.cut(net.layers[*], over: gpu)
"""
PROJECT = '[libraries]\nacme = { git = "../acme", rev = "main" }\n'


def _solve(ground: Playground, plan: str, *options: str) -> dict:
    ran = ground.mmp("solve", "specs/spec.mmp", "-o", plan, "--time-limit", "20", *options)
    assert ran.code == 0, ran.err
    return json.loads((ground.folder / "project" / plan).read_text())


def _cuts(plan: dict) -> set[str]:
    return {index for operator in plan["operators"].values() for index in operator["cuts"]}


def test_round_trip(ground: Playground) -> None:
    ground.write({"project/mmp.toml": PROJECT, "project/specs/spec.mmp": SPEC})
    ground.write({"acme/strategies.mmp": STRATEGIES.replace("INDEX", "f")})
    ground.publish("acme", "v1")
    ground.enter("project")
    assert ground.mmp("lock").code == 0
    first = _solve(ground, "v1.json", "--frozen")
    assert _cuts(first) == {"f"}
    (library,) = first["libraries"]
    assert (library["name"], library["source"]) == ("acme", "git+../acme")
    assert "acme:strategies.mmp" in [source["path"] for source in first["sources"]]
    assert ground.mmp("verify", "v1.json").code == 0

    # Version 2 comes out. Nothing moves by itself, and least of all --frozen.
    ground.write({"acme/strategies.mmp": STRATEGIES.replace("INDEX", "b")})
    ground.publish("acme", "v2")
    lock = (ground.folder / "project/mmp.lock").read_text()
    assert ground.mmp("lock").code == 0
    assert ground.mmp("lock", "--frozen").code == 0
    assert (ground.folder / "project/mmp.lock").read_text() == lock
    again = _solve(ground, "frozen.json", "--frozen")
    assert again["libraries"] == first["libraries"]
    assert ground.mmp("diff", "v1.json", "frozen.json").code == 0

    # Taken over on purpose: the plan changes, and the difference is in the team's own words.
    moved = ground.mmp("lock", "--update")
    assert moved.err.startswith(f"acme: main at {library['revision'][:10]} -> main at ")
    stale = ground.mmp("verify", "v1.json")
    assert "warning: acme:strategies.mmp is not what the plan was made from" in stale.err
    assert stale.code == 1
    second = _solve(ground, "v2.json", "--frozen")
    assert second["libraries"] != first["libraries"]
    assert _cuts(second) == {"b"}
    differs = ground.mmp("diff", "v1.json", "v2.json")
    assert differs.code == 3
    assert "net.layers 0..1: {up,down} from f/gpu4 to b/gpu4" in differs.out
    revisions = [plan["libraries"][0]["revision"][:10] for plan in (first, second)]
    assert f"library acme from {revisions[0]} to {revisions[1]}" in differs.out
    assert "acme:strategies.mmp is not what it was" in differs.out

    # Someone touches the copy that everything is read from: no command goes on.
    (copy,) = (ground.folder / "cache/libraries").glob(f"{second['libraries'][0]['hash']}/*.mmp")
    copy.write_text(STRATEGIES.replace("INDEX", "d"))
    for command in (
        ["check", "specs/spec.mmp"],
        ["verify", "v2.json"],
        ["verify", "v2.json", "--frozen"],
    ):
        refused = ground.mmp(*command)
        assert (refused.code, refused.err.count("error[MMP723]")) == (1, 1)
    for option in ([], ["--frozen"]):
        refused = ground.mmp("solve", "specs/spec.mmp", "-o", "v3.json", *option)
        assert (refused.code, refused.err.count("error[MMP723]")) == (1, 1)
    assert not (ground.folder / "project/v3.json").exists()
    assert ground.mmp("lock").code == 0
    assert ground.mmp("verify", "v2.json").code == 0
