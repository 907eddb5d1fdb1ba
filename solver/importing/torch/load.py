"""The function that a user names: found, and called on the meta device."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

FORM = "expected MODULE:FUNCTION, such as `models.tiny:build` or `tiny.py:build`"


class LoadError(ValueError):
    """Nothing to import, in a sentence."""


@dataclass(frozen=True, slots=True)
class Example:
    """A module on the meta device, and inputs that it can be called with."""

    module: nn.Module
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


def load(target: str) -> Example:
    """Call the function `MODULE:FUNCTION`. Raises LoadError."""
    import torch

    place, _, name = target.rpartition(":")
    if not place or not name:
        raise LoadError(FORM)
    function = getattr(_module(place), name, None)
    if not callable(function):
        raise LoadError(f"`{place}` has no function `{name}`")
    try:
        with torch.device("meta"):
            made = function()
    except Exception as error:
        raise LoadError(f"`{name}()` failed: {type(error).__name__}: {error}") from error
    return _example(made, name)


def _module(place: str) -> object:
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        if place.endswith(".py"):
            path = Path(place)
            found = importlib.util.spec_from_file_location(path.stem, path)
            if found is None or found.loader is None or not path.is_file():
                raise LoadError(f"there is no file `{place}`")
            module = importlib.util.module_from_spec(found)
            sys.modules[path.stem] = module
            found.loader.exec_module(module)
            return module
        return importlib.import_module(place)
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(f"`{place}` is not imported: {type(error).__name__}: {error}") from error


def _example(made: object, name: str) -> Example:
    import torch

    if not isinstance(made, tuple) or len(made) not in (2, 3):
        raise LoadError(f"`{name}()` returns no pair of a module and its example inputs")
    module, inputs = made[0], made[1]
    keywords: dict[str, Any] = made[2] if len(made) == 3 else {}
    arguments: tuple[Any, ...]
    if not isinstance(module, torch.nn.Module):
        raise LoadError(f"`{name}()` returns no `torch.nn.Module` first")
    if isinstance(inputs, dict):
        arguments, keywords = (), {**inputs, **keywords}
    else:
        arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    tensors = [one for one in (*arguments, *keywords.values()) if isinstance(one, torch.Tensor)]
    if not tensors:
        raise LoadError(f"`{name}()` returns no example inputs")
    meta = tuple(one.to("meta") if isinstance(one, torch.Tensor) else one for one in arguments)
    return Example(
        module.to("meta"),
        meta,
        {k: v.to("meta") if isinstance(v, torch.Tensor) else v for k, v in keywords.items()},
    )
