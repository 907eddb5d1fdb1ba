"""Mesh, training settings, limits, pins, strategies and the objective."""

from __future__ import annotations

from dsl import syntax
from dsl.text.build.parts import (
    Children,
    Clause,
    clause,
    doc_of,
    error,
    has,
    names,
    nodes,
    span_of,
    tokens,
    whole_number,
)


class PlanRules:
    """Callbacks of the plan rules; each method is named after its rule."""

    def mesh(self, children: Children) -> syntax.Mesh:
        """`mesh name = [device][axes]`."""
        found = nodes(children)
        axes = tuple(node for node in found if isinstance(node, syntax.MeshAxis))
        device = None if len(axes) == len(found) else found[0]
        return syntax.Mesh(children[1].name(), device, axes, span_of(children))

    def mesh_axis(self, children: Children) -> syntax.MeshAxis:
        """`name: size [via link]`, where the size is a number or runs of devices."""
        name, *link = names(children)
        found = nodes(children)
        runs = tuple(node for node in found if isinstance(node, syntax.DeviceRun))
        size = None if runs else found[0]
        return syntax.MeshAxis(name, size, runs, link[0] if link else None, span_of(children))

    def device_run(self, children: Children) -> syntax.DeviceRun:
        """`count of device`."""
        return syntax.DeviceRun(children[0], children[2], span_of(children))

    def instance(self, children: Children) -> syntax.Instance:
        """`model name = model(arguments)`."""
        arguments = clause(children, "arguments")
        return syntax.Instance(children[1].name(), children[3], arguments, span_of(children))

    # ---- train -----------------------------------------------------------------------------

    def train(self, children: Children) -> syntax.Train:
        """`train { items }`."""
        return syntax.Train(nodes(children), span_of(children))

    def train_item(self, children: Children) -> syntax.TrainItem:
        """`key`, then what that key takes."""
        values = [c for c in nodes(children) if not isinstance(c, syntax.Range)]
        ranges = [c for c in nodes(children) if isinstance(c, syntax.Range)]
        return syntax.TrainItem(
            children[0].name(),
            values[0] if values else None,
            ranges[0] if ranges else None,
            clause(children, "word"),
            clause(children, "over") or (),
            span_of(children),
            clause(children, "chunks"),
        )

    def path_value(self, children: Children) -> syntax.Selector:
        """The optimizer or precision used."""
        path: syntax.Selector = children[0]
        return path

    def chunks(self, children: Children) -> Clause:
        """`2 chunks [loop | v]`, `1..8 chunks`."""
        words = tokens(children)
        at = 3 if words[1].text == ".." else 1  # of the word `chunks`
        counts = [whole_number(words[n], "a number of chunks") for n in range(0, at, 2)]
        placement = words[at + 1].name() if len(words) > at + 1 else None
        found = syntax.Chunks(counts[0], placement, span_of(children), counts[-1])
        return Clause("chunks", found, span_of(children))

    def family(self, children: Children) -> Clause:
        """The pipeline schedule family."""
        return Clause("word", children[0].name(), span_of(children))

    recompute_mode = overlap_mode = family

    def over(self, children: Children) -> Clause:
        """`over axes`."""
        return Clause("over", clause(children, "axes"), span_of(children))

    def range(self, children: Children) -> syntax.Range:
        """`auto`, `4` or `1..4`."""
        ends = nodes(children)
        low, high = (ends[0], ends[-1]) if ends else (None, None)
        return syntax.Range(low, high, span_of(children))

    # ---- limits and pins -------------------------------------------------------------------

    def limit(self, children: Children) -> syntax.Limit:
        """`limit quantity <= value [per device] [, reserve value] [rate]`."""
        rates = [c for c in nodes(children) if isinstance(c, syntax.Rate)]
        return syntax.Limit(
            children[1].name(),
            children[3],
            clause(children, "reserve"),
            rates[0] if rates else None,
            span_of(children),
        )

    def reserve(self, children: Children) -> Clause:
        """`, reserve value`."""
        return Clause("reserve", nodes(children)[0], span_of(children))

    def rate(self, children: Children) -> syntax.Rate:
        """`weight value [per unit over]`."""
        units = [c.name() for c in tokens(children) if c.type == "UNIT"]
        return syntax.Rate(children[1], units[0] if units else None, span_of(children))

    def pin(self, children: Children) -> syntax.Pin:
        """`pin selector : parts [weight value]`."""
        return _pin(False, children)

    def forbid(self, children: Children) -> syntax.Pin:
        """`forbid selector : parts [weight value]`."""
        return _pin(True, children)

    def order(self, children: Children) -> syntax.Order:
        """`order place before place [weight value]`."""
        before, after = nodes(children)
        return syntax.Order(before, after, clause(children, "weight"), span_of(children))

    def operator_place(self, children: Children) -> syntax.OperatorPlace:
        """`phase micro-batch of stage number [chunk number]`."""
        microbatch, stage = nodes(children)
        return syntax.OperatorPlace(
            children[0].name(), microbatch, stage, clause(children, "chunk"), span_of(children)
        )

    def place_chunk(self, children: Children) -> Clause:
        """`chunk number`."""
        return Clause("chunk", children[1], span_of(children))

    def weight(self, children: Children) -> Clause:
        """`weight value`."""
        return Clause("weight", children[1], span_of(children))

    def cut(self, children: Children) -> syntax.Cut:
        """`index over axes`."""
        return syntax.Cut(children[0].name(), clause(children, "axes"), span_of(children))

    def split(self, children: Children) -> syntax.Split:
        """`split index degree`; `_pin` joins the degrees that follow it."""
        degree = (children[1].name(), whole_number(children[2], "a degree"))
        return syntax.Split((degree,), span_of(children))

    def degree(self, children: Children) -> Clause:
        """`index degree`, one more of the `split` before it."""
        value = (children[0].name(), whole_number(children[1], "a degree"))
        return Clause("degree", value, span_of(children))

    def whole_part(self, children: Children) -> syntax.WholePart:
        """`whole index`."""
        return syntax.WholePart(children[1].name(), span_of(children))

    def on_stage(self, children: Children) -> syntax.OnStage:
        """`on stage first`, `last`, `2` or `0..1`."""
        where = children[2]
        stage = where if isinstance(where, syntax.Range) else where.text
        return syntax.OnStage(stage, span_of(children))

    def stored(self, children: Children) -> syntax.Stored:
        """`[what] stored over axes`."""
        first = tokens(children)[0]
        what = "parameters" if first.type == "STORED" else first.text
        return syntax.Stored(what, clause(children, "axes"), span_of(children))

    def recompute_part(self, children: Children) -> syntax.RecomputePart:
        """`recompute` or `no recompute`."""
        return syntax.RecomputePart(not has(children, "NO"), span_of(children))

    # ---- strategies and objective ----------------------------------------------------------

    def apply(self, children: Children) -> syntax.Apply:
        """`apply strategy(arguments) [weight value]`."""
        return syntax.Apply(
            children[1],
            clause(children, "arguments"),
            clause(children, "weight"),
            span_of(children),
        )

    def strategy(self, children: Children) -> syntax.Strategy:
        """`strategy name(parameters) { ... }`."""
        return syntax.Strategy(
            children[1].name(),
            clause(children, "params"),
            nodes(children),
            doc_of(children),
            span_of(children),
        )

    def minimize(self, children: Children) -> syntax.Minimize:
        """`minimize a then b`."""
        return syntax.Minimize(names(children), span_of(children))


def _pin(is_forbid: bool, children: Children) -> syntax.Pin:
    weight = clause(children, "weight")
    return syntax.Pin(is_forbid, children[1], _parts(children[3:]), weight, span_of(children))


def _parts(children: Children) -> tuple[syntax.PinPart, ...]:
    """The parts of a pin, each further `index degree` joined to the split before it.

    MMP019 when there is no split before it.
    """
    parts: list[syntax.PinPart] = []
    for child in children:
        if isinstance(child, Clause) and child.rule == "degree":
            previous = parts[-1] if parts else None
            index, degree = child.value
            if not isinstance(previous, syntax.Split):
                raise error(
                    "MMP019",
                    f"expected `split` before `{index.text} {degree}`",
                    child.span,
                    f"write `split {index.text} {degree}`, or `{index.text} over` a mesh axis",
                )
            span = previous.span.to(child.span)
            parts[-1] = syntax.Split((*previous.degrees, child.value), span)
        else:
            parts.extend(nodes([child]))
    return tuple(parts)
