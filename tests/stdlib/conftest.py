"""Loading library entries through the language, as a user would."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dsl.load import load
from dsl.spec import Spec

Planned = Callable[..., Spec]


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """`planned("models.llama", "llama3_8b", ...)` -> the Spec of a small spec around that model."""
    folder = tmp_path_factory.mktemp("specs")
    cache: dict[str, Spec] = {}

    def plan(
        module: str,
        model: str,
        arguments: str = "batch: 64",
        device: str = "nvidia.h100_sxm",
        statements: str = "",
    ) -> Spec:
        maker, part = device.split(".")
        text = (
            f"import hardware.{maker} ({part})\nimport {module} ({model})\n{statements}\n"
            f"mesh pod = {part}[node: 4, gpu: 8]\nmodel net = {model}({arguments})\n"
        )
        if text not in cache:
            path = folder / f"spec_{len(cache)}.mmp"
            path.write_text(text, encoding="utf-8")
            cache[text] = load(path)
        return cache[text]

    return plan
