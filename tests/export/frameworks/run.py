"""Exported cases, read by the frameworks' own code: `python -m tests.export.frameworks.run`.

The first run makes an environment with the frameworks beside the user's caches (several GB); it is
found again by the text of the requirement files.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

from dsl.diagnostic import DiagnosticError
from tests.export.frameworks.expectations import expectations
from tests.export.saved_cases import NAMES, saved

HERE = Path(__file__).parent
TARGETS = ("deepspeed", "jax", "megatron", "mindspore", "torchtitan")
REQUIREMENTS = (HERE / "requirements.txt", HERE / "without_dependencies.txt")


def python() -> Path:
    """The interpreter of the environment, which is made where there is none."""
    known = hashlib.sha256(b"".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "mmp" / f"frameworks-{known}"
    interpreter = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        venv.create(folder, with_pip=True)
        install = [str(interpreter), "-m", "pip", "install", "--quiet", "-r"]
        subprocess.run([*install, str(REQUIREMENTS[0])], check=True)
        subprocess.run([*install, str(REQUIREMENTS[1]), "--no-deps"], check=True)
        done.touch()
    return interpreter


def exported() -> list[tuple[str, str]]:
    """(target, case) of all cases that a target takes."""
    pairs = []
    for target in TARGETS:
        export = importlib.import_module(f"solver.export.{target}").export
        for name in NAMES:
            try:
                export(saved(name))
            except DiagnosticError:
                continue
            pairs.append((target, name))
    return pairs


def check(target: str, name: str) -> subprocess.CompletedProcess[str]:
    """The end of the check of one export."""
    files = importlib.import_module(f"solver.export.{target}").export(saved(name))
    with TemporaryDirectory() as folder:
        for file, text in files.items():
            (Path(folder) / file).write_text(text, encoding="utf-8")
        (Path(folder) / "expected.json").write_text(json.dumps(expectations(saved(name))))
        script = HERE / f"check_{target}.py"
        return subprocess.run(
            [str(python()), str(script), folder], capture_output=True, text=True, cwd=folder
        )


def main() -> None:
    failed = False
    for target, name in exported():
        ended = check(target, name)
        failed |= ended.returncode != 0
        says = "read" if ended.returncode == 0 else f"REFUSED\n{ended.stderr}"
        sys.stdout.write(f"{target:12} {name:12} {says}\n")
        sys.stdout.flush()
    sys.exit(failed)


if __name__ == "__main__":
    main()
