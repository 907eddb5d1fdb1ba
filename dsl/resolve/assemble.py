"""From a path to a Spec: the order in which everything is resolved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from dsl import spec, syntax
from dsl.diagnostic import Diagnostic, Label
from dsl.resolve.binding import check_kind
from dsl.resolve.depth import room_for_recursion
from dsl.resolve.files import OVERRIDES, Files, Parse, Place
from dsl.resolve.hardware import resolve_device
from dsl.resolve.imports import Loader
from dsl.resolve.kinds import resolve_kind
from dsl.resolve.libraries import Libraries
from dsl.resolve.lint import lint_model, lint_strategy
from dsl.resolve.mesh import resolve_mesh
from dsl.resolve.models.build import add_instance
from dsl.resolve.models.graph import GraphBuilder
from dsl.resolve.modules import Module
from dsl.resolve.overrides import override_text, take_overrides
from dsl.resolve.physics import resolve_physics_set
from dsl.resolve.pins.orders import room
from dsl.resolve.pins.quantities import objectives
from dsl.resolve.pins.targets import Model
from dsl.resolve.pins.wishes import Place as WishPlace
from dsl.resolve.pins.wishes import Wishes
from dsl.resolve.report import RejectedError, Reporter, attempt
from dsl.resolve.training import TrainSettings, resolve_optimizer, resolve_precision
from dsl.span import Span
from dsl.text.parser import parse_bytes

Wanted = TypeVar("Wanted", bound=syntax.Statement)


UNKNOWN_PRECISION = spec.Precision("", "", 0.0, 0.0)
"""Lets a model be checked when its precision is rejected; no Spec comes of it."""


LARGEST_DIVISOR = 2**16
"""Of batch indices that is suggested: larger numbers of micro-batches are no plan."""


class Assembly:
    """One run of the resolver over one file and what it imports.

    `texts` stand for what is on disk, by `Place.key`: what an editor has not saved yet; `parse`
    reads files, as one may that remembers them. `module`, `mesh` and `model` are kept where they
    were found, also when there are errors elsewhere.
    """

    def __init__(
        self,
        path: str,
        overrides: Mapping[str, str],
        *,
        needs_plan: bool = False,
        texts: Mapping[str, bytes] | None = None,
        parse: Parse = parse_bytes,
    ) -> None:
        self._place = Place(Path(path), path)
        self._overrides = overrides
        self._needs_plan = needs_plan
        self._report = Reporter()
        self._files = Files(self._report, given=texts or {}, parse=parse)
        self.module: Module | None = None
        self.mesh: spec.Mesh | None = None
        self.model: Model | None = None

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything found: by file in the order they were read, then by place."""
        order = {path: number for number, path in enumerate(self.sources)}
        return tuple(
            sorted(
                self._report.diagnostics,
                key=lambda d: (order.get(d.span.file, len(order)), d.span, d.code),
            )
        )

    @property
    def sources(self) -> Mapping[str, str]:
        """The text of every file that was read, the named one first, the `-D` overrides last."""
        texts = self._files.texts
        own = {self._place.display: texts.get(self._place.display, "")}
        return {**own, **texts, OVERRIDES: override_text(self._overrides)}

    def run(self) -> spec.Spec | None:
        """The Spec; None when there is an error, or for a library that is only checked."""
        with room_for_recursion():
            return self._run()

    def _run(self) -> spec.Spec | None:
        libraries = Libraries(self._files, self._report, self._place.path.parent)
        loader = Loader(self._files, self._report, libraries)
        module = self.module = attempt(loader.load_root, self._place)
        if module is None or self._report.has_syntax_errors():
            return None
        attempt(take_overrides, self._overrides, module, self._report)
        self._check_declarations(module)
        for configured in loader.configured:
            configured.check()
        if module.is_library and not self._needs_plan:
            return None
        result = attempt(self._plan, module)
        if self._report.errors or result is None:
            return None
        return replace(result, libraries=libraries.used)

    # ---- declarations ----------------------------------------------------------------------

    def _check_declarations(self, module: Module) -> None:
        """Check what this file declares, used or not."""
        for statement in module.file.statements:
            attempt(self._check, statement, module)

    def _check(self, statement: syntax.Statement, module: Module) -> None:
        match statement:
            case syntax.Let(name=name):
                module.find(name.text)
            case syntax.ParamStmt(parameter=parameter):
                module.find(parameter.name.text)
            case syntax.Device():
                resolve_device(statement, module, self._report)
            case syntax.Optimizer():
                resolve_optimizer(statement, module, self._report)
            case syntax.Precision():
                resolve_precision(statement, module, self._report)
            case syntax.PhysicsSet():
                resolve_physics_set(statement, module, self._report)
            case syntax.Kind():
                check_kind(resolve_kind(statement, module, self._report), self._report)
            case syntax.Model():
                lint_model(statement, module, self._report)
            case syntax.Strategy():
                lint_strategy(statement, module, self._report)

    # ---- the plan --------------------------------------------------------------------------

    def _plan(self, module: Module) -> spec.Spec:
        statements = module.file.statements
        mesh = self.mesh = attempt(self._mesh, _of(statements, syntax.Mesh), module)
        settings = TrainSettings(_of(statements, syntax.Train), module, self._report)
        train = attempt(settings.resolve, mesh)
        precision = train.precision if train else attempt(settings.precision)
        model = attempt(self._model, mesh, precision or UNKNOWN_PRECISION, module)
        self.model = model
        objective = attempt(objectives, _of(statements, syntax.Minimize), self._report)
        if mesh is None or objective is None:
            raise RejectedError("plan")
        space = None if train is None or model is None else room(mesh, train, model.graph)
        wishes = Wishes(mesh, model, _stages(train), space, objective[0], self._report)
        for statement in statements:
            wishes.take(statement, WishPlace(module, module))
        if train is None or model is None:
            raise RejectedError("plan")
        self._check_rate(mesh, train, model.graph, settings)
        self._check_microbatches(train, model.graph, settings)
        return spec.Spec(
            self._place.display,
            mesh,
            model.graph,
            train,
            tuple(wishes.pins),
            tuple(wishes.limits),
            objective,
            tuple(self._files.sources),
            tuple(self._overrides.items()),
        )

    def _start(self) -> Span:
        return Span(self._place.display, 1, 1, 1, 1)

    def _mesh(self, statements: Sequence[syntax.Mesh], module: Module) -> spec.Mesh:
        if not statements:
            message = "there is no `mesh`, so nothing to plan for"
            hint = "write `mesh pod = h100_sxm[node: 4, gpu: 8]`"
            raise self._report.error("MMP401", message, self._start(), hint=hint)
        if len(statements) > 1:
            label = Label(statements[0].span, "the first")
            hint = "a spec plans one mesh; make its size a `param`, or write a second spec"
            found = statements[1].span
            raise self._report.error("MMP401", "a second mesh", found, label, hint=hint)
        return resolve_mesh(statements[0], module, self._report)

    def _model(self, mesh: spec.Mesh | None, precision: spec.Precision, module: Module) -> Model:
        instances = _of(module.file.statements, syntax.Instance)
        if not instances:
            message = "there is no model to plan"
            hint = "write `model net = llama3_8b(batch: 256, seq: 8192)`"
            raise self._report.error("MMP402", message, self._start(), hint=hint)
        graph = GraphBuilder(self._report, precision, mesh)
        names: dict[str, Span] = {}
        for instance in instances:
            first = names.setdefault(instance.name.text, instance.name.span)
            if first != instance.name.span:
                message = f"two models are called `{instance.name.text}`"
                label = Label(first, "the first")
                raise self._report.error("MMP402", message, instance.name.span, label)
        results = [attempt(add_instance, instance, module, graph) for instance in instances]
        if None in results:
            raise RejectedError("model")
        return Model(graph.finish(), tuple(graph.roots))

    def _check_rate(
        self, mesh: spec.Mesh, train: spec.Train, graph: spec.Graph, settings: TrainSettings
    ) -> None:
        """Every device computes in the precision's format, if any operator's time depends on it."""
        computes = train.precision.computes
        if all(operator.variants for operator in graph.operators):
            return
        for device in mesh.kinds:
            if computes not in device.flops:
                alone = settings.precision_span() if len(mesh.kinds) == 1 else None
                known = ", ".join(f"`{name}`" for name in device.flops) or "no rate"
                message = f"device `{device.name}` has no compute rate for `{computes}`"
                label = Label(device.span, "declared here")
                raise self._report.error(
                    "MMP415", message, alone or mesh.span, label, hint=f"it has {known}"
                )

    def _check_microbatches(
        self, train: spec.Train, graph: spec.Graph, settings: TrainSettings
    ) -> None:
        """Some number of micro-batches in the range divides every batch index."""
        span = settings.microbatches_span()
        if train.microbatches is None or span is None:
            return
        low, high = train.microbatches
        batch = dict.fromkeys(i for o in graph.operators for i in o.indices if i.batch)
        sizes = sorted({index.size for index in batch})
        smallest = sizes[0] if sizes else high
        counts = range(low, min(high, smallest) + 1)
        if any(all(size % count == 0 for size in sizes) for count in counts):
            return
        wanted = f"{low}" if low == high else f"no number in {low}..{high}"
        listed = ", ".join(f"`{i.name}` of size {i.size}" for i in batch)
        verb = "does not divide" if low == high else "divides"
        message = f"{wanted} {verb} every batch index ({listed})"
        hint = _nearest_divisors(math.gcd(*sizes), low, high)
        raise self._report.error("MMP408", message, span, hint=hint)


def _nearest_divisors(number: int, low: int, high: int) -> str:
    """The divisors of a number next to a range that has none, in words."""
    divisors = [n for n in range(1, min(number, LARGEST_DIVISOR) + 1) if number % n == 0]
    near = [n for n in divisors if n < low][-1:] + [n for n in divisors if n > high][:1]
    return " and ".join(map(str, near)) + (" do" if len(near) > 1 else " does")


def _of(statements: Sequence[syntax.Statement], wanted: type[Wanted]) -> list[Wanted]:
    return [statement for statement in statements if isinstance(statement, wanted)]


def _stages(train: spec.Train | None) -> int | None:
    return None if train is None else train.pipeline.high
