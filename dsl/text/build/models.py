"""Models and measured operators."""

from __future__ import annotations

from dsl import syntax
from dsl.span import Span
from dsl.text.build.parts import (
    Children,
    Clause,
    clause,
    clauses,
    doc_of,
    error,
    has,
    names,
    nodes,
    span_of,
    tokens,
)


class ModelRules:
    """Callbacks of the model rules; each method is named after its rule."""

    def model(self, children: Children) -> syntax.Model:
        """`model name(parameters) { ... }` or `model name(parameters) = base(...)`."""
        base = next((c for c in children if isinstance(c, syntax.Base)), None)
        return syntax.Model(
            children[1].name(),
            clause(children, "params"),
            clause(children, "body") or (),
            doc_of(children),
            span_of(children),
            base,
        )

    def base(self, children: Children) -> syntax.Base:
        """`= model(arguments)`."""
        return syntax.Base(children[1], clause(children, "arguments"), span_of(children))

    def body(self, children: Children) -> Clause:
        """`{ items }`."""
        return Clause("body", nodes(children), span_of(children))

    def index(self, children: Children) -> syntax.IndexStmt:
        """`[batch] index a = size, ...`."""
        batch = has(children, "BATCH")
        definitions = tuple(
            syntax.IndexDef(name, size, batch, span)
            for name, size, span in clauses(children, "index_def")
        )
        return syntax.IndexStmt(definitions, span_of(children))

    def index_def(self, children: Children) -> Clause:
        """`name = size`."""
        span = span_of(children)
        return Clause("index_def", (children[0].name(), children[2], span), span)

    def input(self, children: Children) -> syntax.TensorDecl:
        """`input name[indices] [: dtype]`."""
        return _tensor("input", children)

    def tensor_param(self, children: Children) -> syntax.TensorDecl:
        """`param name[indices] [: dtype]`."""
        return _tensor("param", children)

    def dtype(self, children: Children) -> Clause:
        """`: name`."""
        return Clause("dtype", names(children)[0], span_of(children))

    def indices(self, children: Children) -> Clause:
        """`[a, b]`."""
        return Clause("indices", names(children), span_of(children))

    def output(self, children: Children) -> syntax.Output:
        """`output a, b.c`."""
        return syntax.Output(nodes(children), span_of(children))

    def assign(self, children: Children) -> syntax.Assign:
        """`results = kind(operands)`."""
        return syntax.Assign(
            clauses(children, "result"),
            nodes(children)[0],
            clause(children, "operands"),
            doc_of(children),
            span_of(children),
        )

    def alias(self, children: Children) -> syntax.Alias:
        """`name = path`; MMP017 when the name has indices."""
        result: syntax.Result = clause(children, "result")
        if result.indices is not None:
            raise error(
                "MMP017",
                "another name for a tensor takes no indices",
                result.span,
                f"write `{result.name.text} = {children[2].dotted}`",
            )
        return syntax.Alias(result.name, children[2], span_of(children))

    def result(self, children: Children) -> Clause:
        """`name [indices]`."""
        span = span_of(children)
        result = syntax.Result(children[0].name(), clause(children, "indices"), span)
        return Clause("result", result, span, doc_of(children))

    def operands(self, children: Children) -> Clause:
        """`(operand, ...)`."""
        return Clause("operands", nodes(children), span_of(children))

    measured_operands = operands

    def operand(self, children: Children) -> syntax.Operand:
        """`[param] path [indices]`."""
        return syntax.Operand(
            has(children, "PARAM"),
            nodes(children)[0],
            clause(children, "indices"),
            span_of(children),
        )

    def block(self, children: Children) -> syntax.Block:
        """`block name { ... }`."""
        items = clause(children, "body")
        return syntax.Block(children[1].name(), items, doc_of(children), span_of(children))

    def block_of(self, children: Children) -> syntax.BlockOf:
        """`block name = model(arguments) [with bindings]`."""
        return syntax.BlockOf(
            children[1].name(),
            children[3],
            clause(children, "arguments"),
            clause(children, "bindings") or (),
            doc_of(children),
            span_of(children),
        )

    def bindings(self, children: Children) -> Clause:
        """`with a = b, ...`."""
        return Clause("bindings", clauses(children, "binding"), span_of(children))

    def binding(self, children: Children) -> Clause:
        """`input = path`."""
        return Clause("binding", (children[0].name(), children[2]), span_of(children))

    def repeat(self, children: Children) -> syntax.Repeat:
        """`repeat count as name { ... }`."""
        return syntax.Repeat(
            children[1],
            children[3].name(),
            clause(children, "body"),
            doc_of(children),
            span_of(children),
        )

    def conditional(self, children: Children) -> syntax.Conditional:
        """`if condition { ... } [else { ... }]`."""
        then = clause(children, "body")
        otherwise = clause(children, "otherwise") or ()
        return syntax.Conditional(children[1], then, otherwise, span_of(children))

    def otherwise(self, children: Children) -> Clause:
        """`else { ... }`."""
        return Clause("otherwise", clause(children, "body"), span_of(children))

    # ---- measured operators ----------------------------------------------------------------

    def measured(self, children: Children) -> syntax.Measured:
        """`op name(operands) -> results { ... }`."""
        return syntax.Measured(
            children[1].name(),
            clause(children, "operands"),
            clauses(children, "result"),
            clause(children, "measured_body"),
            doc_of(children),
            span_of(children),
        )

    def measured_body(self, children: Children) -> Clause:
        """`{ fields, recompute, layouts, strategies }`; MMP018 for a second `recompute`."""
        span = span_of(children)
        items = nodes(children)
        body = syntax.MeasuredBody(
            tuple(i for i in items if isinstance(i, syntax.MeasuredField)),
            _only_recompute(children),
            tuple(i for i in items if isinstance(i, syntax.LayoutItem)),
            clauses(children, "measured_strategy"),
            span,
        )
        return Clause("measured_body", body, span)

    def measured_field(self, children: Children) -> syntax.MeasuredField:
        """`key [value]`."""
        values = nodes(children)
        key = tokens(children)[0].name()
        return syntax.MeasuredField(key, values[0] if values else None, span_of(children))

    def recompute_block(self, children: Children) -> Clause:
        """`recompute { fields }`."""
        return Clause("recompute", nodes(children), span_of(children))

    def measured_strategy(self, children: Children) -> Clause:
        """`strategy name { ... }`."""
        value = (children[1].name(), clause(children, "measured_body"))
        return Clause("measured_strategy", value, span_of(children))

    def layout(self, children: Children) -> syntax.LayoutItem:
        """`layout tensor : cuts`."""
        return syntax.LayoutItem(children[1].name(), nodes(children), span_of(children))


def _tensor(role: str, children: Children) -> syntax.TensorDecl:
    return syntax.TensorDecl(
        role,
        children[1].name(),
        clause(children, "indices"),
        clause(children, "dtype"),
        span_of(children),
    )


def _only_recompute(children: Children) -> tuple[syntax.MeasuredField, ...] | None:
    found = [c for c in children if isinstance(c, Clause) and c.rule == "recompute"]
    if len(found) > 1:
        again: Span = found[1].span
        raise error("MMP018", "`recompute` is given twice", again, "keep one of them")
    return found[0].value if found else None
