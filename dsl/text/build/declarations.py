"""Imports, parameters, hardware, training constants and operator kinds."""

from __future__ import annotations

from dsl import syntax
from dsl.text.build.parts import (
    Children,
    Clause,
    clause,
    clauses,
    doc_of,
    has,
    names,
    nodes,
    span_of,
    whole_number,
)


class DeclarationRules:
    """Callbacks of the declaration rules; each method is named after its rule."""

    # ---- imports and values ----------------------------------------------------------------

    def language(self, children: Children) -> syntax.Language:
        """`language 1`."""
        version = whole_number(children[1], "a language version")
        return syntax.Language(version, span_of(children))

    def import_(self, children: Children) -> syntax.Import:
        """`import source [as name | (names)] [with name = value, ...]`."""
        source = children[1]
        is_path = isinstance(source, syntax.Text)
        return syntax.Import(
            source.value if isinstance(source, syntax.Text) else source.dotted,
            is_path,
            clause(children, "import_as"),
            clause(children, "import_names") or (),
            source.span,
            span_of(children),
            clause(children, "import_with") or (),
        )

    def import_as(self, children: Children) -> Clause:
        """`as name`."""
        return Clause("import_as", names(children)[0], span_of(children))

    def import_names(self, children: Children) -> Clause:
        """`(a, b as c)`."""
        return Clause("import_names", clauses(children, "import_name"), span_of(children))

    def import_name(self, children: Children) -> Clause:
        """`a` or `a as b`: the imported name and its local one."""
        found = names(children)
        return Clause("import_name", (found[0], found[-1]), span_of(children))

    def import_with(self, children: Children) -> Clause:
        """`with a = 1, b = 2 ms`."""
        return Clause("import_with", clauses(children, "import_setting"), span_of(children))

    def import_setting(self, children: Children) -> Clause:
        """`name = value`."""
        return Clause("import_setting", (children[0].name(), children[2]), span_of(children))

    def param_stmt(self, children: Children) -> syntax.ParamStmt:
        """`param name: type [= default]`."""
        return syntax.ParamStmt(children[1], doc_of(children), span_of(children))

    def param(self, children: Children) -> syntax.Parameter:
        """`[label] name: type [= default]`."""
        *label, name, kind = names(children)
        default = clause(children, "default")
        return syntax.Parameter(label[0] if label else None, name, kind, default, span_of(children))

    def default(self, children: Children) -> Clause:
        """`= value`."""
        return Clause("default", children[1], span_of(children))

    def params(self, children: Children) -> Clause:
        """`(parameter, ...)`."""
        return Clause("params", nodes(children), span_of(children))

    def let(self, children: Children) -> syntax.Let:
        """`let name = value`."""
        return syntax.Let(children[1].name(), children[3], doc_of(children), span_of(children))

    # ---- hardware --------------------------------------------------------------------------

    def device(self, children: Children) -> syntax.Device:
        """`device name { ... }`."""
        name = children[1].name()
        return syntax.Device(name, nodes(children), doc_of(children), span_of(children))

    def compute(self, children: Children) -> syntax.Compute:
        """`compute precision rate [efficiency]`."""
        efficiency = clause(children, "efficiency")
        return syntax.Compute(children[1].name(), children[2], efficiency, span_of(children))

    def memory(self, children: Children) -> syntax.DeviceMemory:
        """`memory capacity at bandwidth [efficiency]`."""
        efficiency = clause(children, "efficiency")
        return syntax.DeviceMemory(children[1], children[3], efficiency, span_of(children))

    def launch(self, children: Children) -> syntax.Launch:
        """`launch time`."""
        return syntax.Launch(children[1], span_of(children))

    def link(self, children: Children) -> syntax.Link:
        """`link name [among n] : bandwidth latency time [efficiency] [{ physics }]`."""
        bandwidth, latency = nodes(children)
        return syntax.Link(
            children[1].name(),
            clause(children, "among"),
            bandwidth,
            latency,
            clause(children, "efficiency"),
            clause(children, "link_physics") or (),
            span_of(children),
        )

    def link_physics(self, children: Children) -> Clause:
        """`{ physics ... }` behind a link."""
        return Clause("link_physics", nodes(children), span_of(children))

    def physics(self, children: Children) -> syntax.Physics:
        """`physics name [value]`."""
        value = nodes(children)
        return syntax.Physics(children[1].name(), value[0] if value else None, span_of(children))

    def physics_set(self, children: Children) -> syntax.PhysicsSet:
        """`physics name { fields }`."""
        name = children[1].name()
        return syntax.PhysicsSet(name, nodes(children), doc_of(children), span_of(children))

    def among(self, children: Children) -> Clause:
        """`among n`."""
        return Clause("among", children[1], span_of(children))

    def efficiency(self, children: Children) -> Clause:
        """`efficiency share`."""
        return Clause("efficiency", children[1], span_of(children))

    # ---- training constants ----------------------------------------------------------------

    def optimizer(self, children: Children) -> syntax.Optimizer:
        """`optimizer name { fields }`."""
        name = children[1].name()
        return syntax.Optimizer(name, nodes(children), doc_of(children), span_of(children))

    def precision(self, children: Children) -> syntax.Precision:
        """`precision name { fields }`."""
        name = children[1].name()
        return syntax.Precision(name, nodes(children), doc_of(children), span_of(children))

    def field(self, children: Children) -> syntax.Field:
        """`key value`."""
        return syntax.Field(children[0].name(), children[1], span_of(children))

    def name_value(self, children: Children) -> syntax.Selector:
        """A single name as a value (`computes bf16`)."""
        token = children[0]
        return syntax.Selector((syntax.Segment(token.text, None, token.span),), token.span)

    # ---- operator kinds --------------------------------------------------------------------

    def kind(self, children: Children) -> syntax.Kind:
        """`kind name(operands) -> results { ... }`."""
        operands, results = clauses(children, "formals")
        return syntax.Kind(
            children[1].name(),
            operands,
            results,
            nodes(children),
            doc_of(children),
            span_of(children),
        )

    def formals(self, children: Children) -> Clause:
        """`formal, formal`."""
        return Clause("formals", nodes(children), span_of(children))

    def formal(self, children: Children) -> syntax.Formal:
        """`name[pattern, ...]`."""
        return syntax.Formal(children[0].name(), nodes(children), span_of(children))

    def pattern(self, children: Children) -> syntax.Pattern:
        """`index` or `indices..`."""
        return syntax.Pattern(children[0].name(), has(children, "DOTS"), span_of(children))

    def engine(self, children: Children) -> syntax.Engine:
        """`engine name [efficiency]`."""
        efficiency = clause(children, "efficiency")
        return syntax.Engine(children[1].name(), efficiency, span_of(children))

    def formula(self, children: Children) -> syntax.Formula:
        """`flops forward value`, `traffic gradient(x) value`."""
        operand = clause(children, "gradient_of")
        return syntax.Formula(children[0].text, operand, children[2], span_of(children))

    def gradient_of(self, children: Children) -> Clause:
        """`gradient(operand)`."""
        return Clause("gradient_of", names(children)[0], span_of(children))

    def saves(self, children: Children) -> syntax.Saves:
        """`saves a, b, bytes value` or `saves nothing`."""
        operands = clauses(children, "saved_operand")
        return syntax.Saves(operands, clauses(children, "saved_bytes"), span_of(children))

    def saved_operand(self, children: Children) -> Clause:
        """An operand or result kept for the backward."""
        return Clause("saved_operand", children[0].name(), span_of(children))

    def saved_bytes(self, children: Children) -> Clause:
        """`bytes value`."""
        return Clause("saved_bytes", children[1], span_of(children))

    def whole(self, children: Children) -> syntax.Whole:
        """`whole a, b`."""
        return syntax.Whole(clause(children, "names"), span_of(children))

    def sum(self, children: Children) -> syntax.Sum:
        """`sum a, b`."""
        return syntax.Sum(clause(children, "names"), span_of(children))

    def tie(self, children: Children) -> syntax.Tie:
        """`tie a to b, c`."""
        return syntax.Tie(children[1].name(), clause(children, "names"), span_of(children))

    def across(self, children: Children) -> syntax.Across:
        """`across index all_reduce bytes`."""
        index, collective = children[1].name(), children[2].name()
        return syntax.Across(index, collective, children[3], span_of(children))

    def names(self, children: Children) -> Clause:
        """`a, b, c`."""
        return Clause("names", names(children), span_of(children))
