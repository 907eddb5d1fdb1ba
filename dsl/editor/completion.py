"""What could be written at a place: the words of the grammar there, and names that would fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dsl.editor.analysis import Analysis
from dsl.editor.candidates import (
    Item,
    axes,
    exported,
    indices,
    links,
    modules,
    names,
    parameters,
    path_steps,
    units,
    values,
)
from dsl.editor.context import Context, context
from dsl.editor.locals import local_indices, local_tensors
from dsl.resolve.values import TYPES

_OBJECTIVES = ("step_time", "memory")
_PHASES = ("forward", "input_grad", "weight_grad")
_FUNCTIONS = ("min", "max", "ceil", "floor")
_CALLED = {"apply": "strategy", "model": "model", "block": "model"}


def complete(analysis: Analysis, source: str, line: int, column: int) -> tuple[Item, ...]:
    """Everything that could stand at a place of `source`, which may be newer than the analysis;
    keywords last. The editor keeps what the word in progress begins."""
    here = context(source, line, column)
    before = source.split("\n")[line - 1][: here.start - 1] if source else ""
    keywords = _keywords(here, is_line_start=not before.strip())
    found = [*_fitting(here, analysis), *keywords]
    unique = {(item.label, item.sort): item for item in reversed(found)}
    return tuple(reversed(unique.values()))


def _keywords(here: Context, is_line_start: bool) -> Iterator[Item]:
    from dsl.text.messages import statement_keywords

    begins = frozenset(statement_keywords())
    for word in here.keywords:
        if is_line_start or not here.tokens or word not in begins or here.bracket()[0] == "{":
            yield Item(word, "keyword")


def _fitting(here: Context, analysis: Analysis) -> Iterable[Item]:
    """The names that fit where a name can stand."""
    if not here.tokens:
        return ()
    if here.tokens[-1].kind == "NUMBER" and ("UNIT" in here.accepts or here.is_broken):
        return units()
    if here.last == "." and (found := axes(analysis, "".join(_chain(here)))):
        return found
    if "NAME" not in here.accepts and not here.is_broken:
        return ()
    if here.statement == "import":
        return _import(here, analysis)
    if here.last == ".":
        return path_steps(analysis, _chain(here))
    if (in_axes := _after_over(here)) is not None:
        return axes(analysis, in_axes)
    return _by_statement(here, analysis)


def _by_statement(here: Context, analysis: Analysis) -> Iterable[Item]:
    match here.statement:
        case "pin" | "forbid":
            return _pin(here, analysis)
        case "mesh":
            return _mesh(here, analysis)
        case "train":
            return _train(here, analysis)
        case "minimize" | "limit" if len(here.tokens) == 1 or here.last == "then":
            return [Item(name, "keyword") for name in _OBJECTIVES]
        case "order" if here.last in ("order", "before"):
            return [Item(name, "keyword") for name in _PHASES]
        case "param" if here.last == ":":
            return _types()
        case "apply" | "model" | "strategy":
            return _model(here, analysis)
    return _expression(analysis)


def _pin(here: Context, analysis: Analysis) -> Iterable[Item]:
    texts = here.texts()
    if ":" not in texts:
        return path_steps(analysis, [])
    if "weight" in texts:
        return _expression(analysis)
    end = texts.index(":")
    return indices(analysis, "".join(texts[1:end]))


def _mesh(here: Context, analysis: Analysis) -> Iterable[Item]:
    if here.last == "via":
        return links(analysis)
    if here.last in ("=", "of"):
        return names(analysis, "device")
    return _expression(analysis) if here.bracket()[0] == "[" and here.last == ":" else ()


def _train(here: Context, analysis: Analysis) -> Iterable[Item]:
    from dsl.resolve.chunks import FAMILIES

    if here.last in ("optimizer", "precision"):
        return names(analysis, here.last)
    found = list(_expression(analysis))
    if "OVER" in here.accepts:
        found = [Item(name, "schedule") for name in FAMILIES]
    return found


def _model(here: Context, analysis: Analysis) -> Iterable[Item]:
    """In a model or strategy, or the arguments of one."""
    bracket, place = here.bracket()
    texts = here.texts()
    if bracket == "(" and here.last == ":" and texts[place - 2] in ("model", "strategy"):
        return _types()
    if bracket == "[":
        return local_indices(here.tokens)
    if here.last == "=" and texts[-3] in _CALLED:
        return names(analysis, _CALLED[texts[-3]])
    if here.last in _CALLED:
        return names(analysis, _CALLED[here.last])
    if bracket == "(" and (called := _called(texts, place)):
        labels = parameters(analysis, called) if here.last in ("(", ",") else []
        return [*labels, *_arguments(here, analysis)]
    if here.last == "=":
        return [*names(analysis, "kind"), *local_tensors(here.tokens)]
    if here.statement == "strategy":
        inner = texts[max((n for n, t in enumerate(texts) if t in ("pin", "forbid")), default=0) :]
        return indices(analysis, "") if ":" in inner else _arguments(here, analysis)
    return [*local_tensors(here.tokens), *_expression(analysis)]


def _called(texts: list[str], place: int) -> str:
    """The model or strategy whose arguments the bracket at that place opens; empty if none."""
    start = place
    while start and (texts[start - 1] == "." or texts[start - 1].isidentifier()):
        if texts[start - 1].isidentifier() and start < place and texts[start] != ".":
            break
        start -= 1
    before = texts[start - 1] if start else ""
    is_call = before == "=" or texts[start] in _CALLED or before in _CALLED
    return "".join(texts[start:place]).removeprefix("apply") if is_call else ""


def _arguments(here: Context, analysis: Analysis) -> Iterator[Item]:
    yield from local_tensors(here.tokens)
    if here.statement == "apply":
        yield from path_steps(analysis, [])
        yield from axes(analysis, "")
    yield from _expression(analysis)


def _expression(analysis: Analysis) -> Iterator[Item]:
    yield from values(analysis)
    for name in _FUNCTIONS:
        yield Item(name, "function")


def _types() -> list[Item]:
    return [Item(name, "type") for name in TYPES]


def _import(here: Context, analysis: Analysis) -> Iterable[Item]:
    texts = here.texts()
    if "(" in texts:
        return exported(analysis, "".join(texts[1 : texts.index("(")]))
    return modules(analysis, "".join(texts[1:])) if "as" not in texts else ()


def _after_over(here: Context) -> str | None:
    """What was written of an axis, where one can stand; None elsewhere."""
    bracket, place = here.bracket()
    texts = here.texts()
    if here.last == "over":
        return ""
    if bracket == "(" and place and texts[place - 1] == "over":
        return ""
    is_label = here.statement == "apply" and texts[-2:] == ["over", ":"]
    return "" if is_label else None


def _chain(here: Context) -> list[str]:
    """The steps of the path before the last dot, with subscripts as written."""
    texts, kinds = here.texts(), [token.kind for token in here.tokens]
    steps: list[str] = []
    place = len(texts) - 1
    while place > 0 and texts[place] == ".":
        place -= 1
        step = ""
        if texts[place] == "]":
            start = max(n for n in range(place) if texts[n] == "[")
            step, place = "".join(texts[start : place + 1]), start - 1
        if kinds[place] not in ("WORD", "GLOB", "ARGUMENT_GLOB", "NUMBER"):
            break
        steps.insert(0, texts[place] + step)
        place -= 1
    return steps
