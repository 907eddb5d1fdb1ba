"""The section on projects of the language's README, played: its files, then its commands."""

from __future__ import annotations

import re
from pathlib import Path

from playing import Playground

README = Path(__file__).resolve().parents[2] / "dsl" / "README.md"
OURS = """\
device small {
  compute bf16 1 TFLOP/s
  memory 16 GiB at 100 GB/s
  link bus : 10 GB/s latency 1 us
}
"""


def test_the_section_on_projects(ground: Playground) -> None:
    (section,) = re.findall(
        r"^## Projects and libraries\n(.*?)^## ", README.read_text(encoding="utf-8"), re.M | re.S
    )
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", section, re.M | re.S)
    library, spec = (text for kind, text in blocks if kind == "mmp")
    (project,) = (text for kind, text in blocks if kind == "toml")
    assert "https://example.org/acme.git" in project
    ground.write(
        {
            "acme/strategies.mmp": library,
            "ours/machines.mmp": OURS,
            "project/mmp.toml": project.replace("https://example.org/acme.git", "../acme"),
            "project/spec.mmp": spec,
        }
    )
    ground.publish("acme", "v1.2")
    ground.enter("project")
    commands = "".join(text for kind, text in blocks if kind == "sh").splitlines()
    assert len(commands) >= 5
    for command in commands:
        ran = ground.shell(command)
        assert ran.code == 0, f"{command}\n{ran.err}"
    assert ground.mmp("fmt", "--check", "../acme", ".").code == 0
