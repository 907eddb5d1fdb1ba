"""What names mean inside a model: tensors, indices, blocks and operators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve.binding import IndexEntry
from dsl.resolve.models.tree import Node
from dsl.resolve.modules import Module
from dsl.resolve.report import Poisoned, RejectedError, Reporter
from dsl.resolve.values import Environment
from dsl.span import Span
from dsl.suggest import did_you_mean

MOST_LISTED = 8  # tensors in sight, where none is near the one that is meant


@dataclass(frozen=True, slots=True)
class View:
    """A tensor under a name, with its dimensions as this model names them."""

    tensor: spec.Tensor
    indices: tuple[str, ...]


Found = View | Poisoned


@dataclass(slots=True)
class Scope:
    """The names of one model, block or iteration. `outer` ends at the model's own scope.

    `views`: tensors; assigning one that an enclosing scope has rebinds it there. `results`: what
    operators of this very scope made, by name, which is what `block.name` reaches beside `views`.
    `holders`: blocks, and for operators the parameters declared in their call. `given` are the
    tensors bound to a model's inputs (`with x = y`), `inputs` the inputs it has turned out to have,
    `outputs` what it names as outputs; these three are kept by a model's own scope. `broken`: an
    item was dropped for its mistake, so missing names are no news.
    """

    module: Module
    node: Node
    values: Environment
    outer: Scope | None
    views: dict[str, Found] = field(default_factory=dict)
    results: dict[str, Found] = field(default_factory=dict)
    indices: dict[str, tuple[IndexEntry, Span] | Poisoned] = field(default_factory=dict)
    holders: dict[str, Scope | dict[str, Found] | Poisoned] = field(default_factory=dict)
    taken: dict[str, Span] = field(default_factory=dict)
    given: dict[str, tuple[Found, Span]] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[tuple[syntax.Selector, Scope]] = field(default_factory=list)
    broken: bool = False

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer

    def inside(self, node: Node) -> Scope:
        """A new scope for a block or iteration in this one."""
        return Scope(self.module, node, Environment(self.values), self)

    @property
    def model(self) -> Scope:
        """The scope of the model this one is in."""
        *_, outermost = self.chain()
        return outermost

    # ---- indices ---------------------------------------------------------------------------

    def index(self, name: syntax.Name, report: Reporter) -> IndexEntry:
        """The index of that name; Errors (MMP302) when there is none."""
        for scope in self.chain():
            found = scope.indices.get(name.text)
            if isinstance(found, Poisoned):
                raise RejectedError(name.text)
            if found is not None:
                return found[0]
        self.reject_if_broken()
        known = [index for scope in self.chain() for index in scope.indices]
        hint = did_you_mean(name.text, known) or _listed("indices here are", known)
        raise report.error("MMP302", f"there is no index `{name.text}`", name.span, hint=hint)

    def entry(self, name: str) -> IndexEntry | None:
        """The index of that name, None when there is none or it is poisoned."""
        for scope in self.chain():
            found = scope.indices.get(name)
            if found is not None:
                return None if isinstance(found, Poisoned) else found[0]
        return None

    def reject_if_broken(self) -> None:
        """Reject silently where a dropped item of this model may be why a name is missing."""
        if any(scope.broken for scope in self.chain()):
            raise RejectedError("broken scope")

    # ---- tensors ---------------------------------------------------------------------------

    def bind(self, name: str, view: Found) -> None:
        """Let a name mean a tensor: in the nearest scope that has the name, else here."""
        for scope in self.chain():
            if name in scope.views:
                scope.views[name] = view
                return
        self.views[name] = view

    def claim(self, name: str, span: Span, what: str, report: Reporter) -> None:
        """Take a path of this block; Errors (MMP307) when something has it already."""
        first = self.taken.get(name)
        if first is not None:
            message = f"`{self.node.path}.{name}` is taken, so this {what} needs another name"
            hint = "rename one; give a tensor another name with `x = y`"
            label = Label(first, "first used here")
            raise report.error("MMP307", message, span, label, hint=hint)
        self.taken[name] = span

    def tensor(self, path: syntax.Selector, report: Reporter) -> View:
        """The tensor a path means. Errors: MMP301 with the nearest name."""
        names = [segment.glob for segment in path.segments]
        found = self._find(names)
        if isinstance(found, Poisoned):
            raise RejectedError(path.dotted)
        if found is None:
            self.reject_if_broken()
            hint = did_you_mean(names[-1], self._candidates(names[:-1]))
            hint = hint or self._repeat_hint(names) or self._listed(names[:-1])
            message = f"there is no tensor `{path.dotted}` here"
            raise report.error("MMP301", message, path.span, hint=hint)
        return found

    def _listed(self, names: list[str]) -> str:
        """What is in sight there, a few of it."""
        found = [f"`{name}`" for name in dict.fromkeys(self._candidates(names))]
        return f"there are {', '.join(found[:MOST_LISTED])}" if found else ""

    def _find(self, names: list[str]) -> Found | None:
        if len(names) == 1:
            return next((s.views[names[0]] for s in self.chain() if names[0] in s.views), None)
        holder = self._holder(names[:-1])
        if isinstance(holder, Poisoned):
            return holder
        if isinstance(holder, Scope):
            return holder.views.get(names[-1]) or holder.results.get(names[-1])
        return holder.get(names[-1]) if holder is not None else None

    def _holder(self, names: list[str]) -> Scope | dict[str, Found] | Poisoned | None:
        head, *rest = names
        holder = next((s.holders[head] for s in self.chain() if head in s.holders), None)
        for name in rest:
            if not isinstance(holder, Scope):
                return holder if isinstance(holder, Poisoned) else None
            holder = holder.holders.get(name)
        return holder

    def _candidates(self, prefix: list[str]) -> list[str]:
        if not prefix:
            return [name for scope in self.chain() for name in scope.views]
        holder = self._holder(prefix)
        if isinstance(holder, Scope):
            return [*holder.views, *holder.results]
        return list(holder) if isinstance(holder, dict) else []

    def _repeat_hint(self, names: list[str]) -> str:
        repeats = [
            child.name
            for scope in self.chain()
            for child in scope.node.children
            if child.sort == "repeat"
        ]
        if len(names) > 1 and names[0] in repeats:
            return "what a repeat carries out is a name that was there before it"
        return ""


def _listed(words: str, names: list[str]) -> str:
    return f"{words} {', '.join(f'`{name}`' for name in dict.fromkeys(names))}" if names else ""
