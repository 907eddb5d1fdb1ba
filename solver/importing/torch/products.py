"""Rules for matrix products, tables, norms and losses: what has a kind of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solver.importing.torch import atoms
from solver.importing.torch.atoms import Atom, Dims
from solver.importing.torch.reader import NoKindError, Reader, Rule, operand
from solver.importing.torch.values import Constant, Pending, Seen, Source, Value

if TYPE_CHECKING:
    from torch.fx import Node

_SPLITS = ("aten.split.Tensor", "aten.chunk.default", "aten.split_with_sizes.default")


def linear(reader: Reader, node: Node) -> Seen:
    """`x w^T + bias`; one operator for each part where the result is split at once (fused
    queries, keys and values)."""
    x, w = reader.value(node.args[0]), parameter(reader, node.args[1])
    bias = reader.get(node.args[2]) if len(node.args) > 2 else Constant()
    atoms.join(x.dims[-1], w.dims[1])
    return _project(reader, node, x, w, bias, 0)


def addmm(reader: Reader, node: Node) -> Seen:
    """`bias + x w` (GPT-2's projections)."""
    bias, x, w = reader.get(node.args[0]), reader.value(node.args[1]), node.args[2]
    weight = parameter(reader, w)
    atoms.join(x.dims[-1], weight.dims[0])
    return _project(reader, node, x, weight, bias, 1)


def matmul(reader: Reader, node: Node) -> Seen:
    """`x w` with a parameter; or scores, and sums of values, of attention written out."""
    first, second = reader.get(node.args[0]), reader.get(node.args[1])
    if isinstance(first, Pending) and first.step == "weights" and isinstance(second, Value):
        return attend(reader, node, first, second)
    if isinstance(second, Value) and second.source.role == "parameter":
        x = reader.value(node.args[0])
        atoms.join(x.dims[-1], second.dims[-2])
        return _project(reader, node, x, second, Constant(), len(second.dims) - 1)
    query, key = reader.value(node.args[0]), reader.value(node.args[1])
    if len(query.dims) < 3:
        raise NoKindError("a product of two activations that is no attention")
    dims = list(key.dims)
    dims[-1], dims[-2] = dims[-2], dims[-1]
    turned = Value(key.source, tuple(dims), key.spread)
    return Pending("scores", query, (*query.dims[:-1], dims[-2]), other=turned)


def embedding(reader: Reader, node: Node) -> Seen:
    """Rows of a table."""
    table, tokens = parameter(reader, node.args[0]), reader.get(node.args[1])
    if isinstance(tokens, Constant):
        reader.tables.add(table.source)
        atoms.name(table.dims[0][0], "p", 5)
        return table
    if not isinstance(tokens, Value):
        raise NoKindError("rows are chosen by a step of a pattern")
    for atom, hint in zip((*table.dims[0], *table.dims[1]), "vd", strict=False):
        atoms.name(atom, hint, 5)
    dims = (*tokens.dims, table.dims[1])
    return reader.call("embed", (operand(tokens), operand(table)), dims, node)


def attention(reader: Reader, node: Node) -> Seen:
    """`scaled_dot_product_attention`; with a mask it counts as causal."""
    query, key, value = (reader.value(one) for one in node.args[:3])
    mask = node.args[3] if len(node.args) > 3 else node.kwargs.get("attn_mask")
    causal = node.args[5] if len(node.args) > 5 else node.kwargs.get("is_causal", False)
    scores = Pending(
        "weights", query, query.dims, other=key, masked=bool(causal) or mask is not None
    )
    return attend(reader, node, scores, value)


def attend(reader: Reader, node: Node, scores: Pending, value: Value) -> Value:
    """Queries `[.., heads.., s, k]`, keys and values `[.., heads.., t, k]` as one operator."""
    query, key = scores.of, scores.other
    if key is None:
        raise NoKindError("a product of two activations that is no attention")
    _heads(query, key)
    _heads(query, value)
    atoms.join(query.dims[-1], key.dims[-1])
    atoms.join(key.dims[-2], value.dims[-2])
    _name(query, key, value)
    kind = "attention" if scores.masked else "full_attention"
    for one in (query, key, value):
        _check_order(one)
    dims = (*query.dims[:-1], value.dims[-1])
    stored = (dims[0], dims[-2], *dims[1:-2], dims[-1])
    seen = (operand(query), operand(key, -2), operand(value, -2))
    return reader.call(kind, seen, dims, node, stored)


def _heads(query: Value, other: Value) -> None:
    for one, two in zip(query.dims[:-2], other.dims[:-2], strict=True):
        if atoms.size(one) != atoms.size(two):  # `enable_gqa`: fewer heads of keys than of queries
            heads = atoms.size(two)
            split = atoms.regroup(one, (heads, atoms.size(one) // heads))
            atoms.join(split[0], two)
        else:
            atoms.join(one, two)


def _name(query: Value, key: Value, value: Value) -> None:
    stored = {atom for dim in operand(key).atoms for atom in atoms.leaves((dim,))}
    heads = atoms.leaves(atom for dim in query.dims[1:-2] for atom in dim)
    for atom in heads:
        atoms.name(atom, "g" if atom in stored else "r", 4)
    for dims, hint in ((query.dims, "k"), (value.dims, "k")):
        for atom in atoms.leaves(dims[-1]):
            atoms.name(atom, hint, 3)


def _check_order(value: Value) -> None:
    """The kind reads `[b, s, heads, k]`, of which the view is `[b, heads, s, k]`."""
    dims, spread = value.dims, set(atoms.leaves(value.spread))
    rows = atoms.flat((dims[0], dims[-2], *dims[1:-2], dims[-1]))
    wanted = [atom for atom in rows if atom.size > 1 and atom not in spread]
    if [atom for atom in atoms.flat(value.source.dims) if atom.size > 1] != wanted:
        raise NoKindError("attention reads a tensor whose heads are stored before its tokens")


def norm(kind: str) -> Rule:
    """`rms_norm` and `layer_norm` of the last dimension, with their parameters."""

    def read(reader: Reader, node: Node) -> Seen:
        x = reader.value(node.args[0])
        weights = [parameter(reader, one) for one in node.args[2:4] if hasattr(one, "users")]
        if len(weights) != (1 if kind == "rms_norm" else 2):
            raise NoKindError(f"`{kind}` has a scale" + (", a bias" * (kind == "layer_norm")))
        for weight in weights:
            atoms.join(x.dims[-1], weight.dims[-1])
        return reader.alike(kind, (operand(x), *map(operand, weights)), x, node)

    return read


def loss(reader: Reader, node: Node) -> Seen:
    """Cross entropy of logits `[.., v]` (rows in one dimension) and targets."""
    logits, target = reader.value(node.args[0]), reader.value(node.args[1])
    rows = atoms.flat(logits.dims[:-1])
    atoms.join(rows, atoms.flat(target.dims))
    dims = tuple((atom,) for atom in atoms.leaves(rows))
    return reader.call("cross_entropy", (operand(logits), operand(target)), dims, node)


def parameter(reader: Reader, argument: object) -> Value:
    """An argument that must be a parameter."""
    found = reader.get(argument)
    if not isinstance(found, Value) or found.source.role != "parameter":
        raise NoKindError("a weight is read that is no parameter of the module")
    return found


def _project(reader: Reader, node: Node, x: Value, w: Value, bias: Seen, out: int) -> Seen:
    if isinstance(bias, Value):
        atoms.join(w.dims[out], bias.dims[0])
    splits = [user for user in node.users if str(user.target) in _SPLITS]
    if splits and len(splits) == len(node.users):
        widths = [int(one.shape[-1]) for one in splits[0].meta["val"]]
        if sum(widths) == atoms.size(w.dims[out]):
            return _parts(reader, node, (x, w, bias), out, widths)
    operands, dims = [operand(x, -1), operand(w, 1 - out)], (*x.dims[:-1], w.dims[out])
    if isinstance(bias, Value):
        return reader.call("linear", (*operands, operand(bias)), dims, node)
    return reader.call("matmul", operands, dims, node)


def _parts(
    reader: Reader, node: Node, read: tuple[Value, Value, Seen], out: int, widths: list[int]
) -> Seen:
    x, w, bias = read
    made: list[Value] = []
    for number, width in enumerate(widths):
        column = (Atom(width, "f", 1),)
        dims = list(w.dims)
        dims[out] = column
        operands = [operand(x, -1), operand(_part(w, number, tuple(dims)), 1 - out)]
        if isinstance(bias, Value):
            operands.append(operand(_part(bias, number, (column,))))
        kind = "linear" if isinstance(bias, Value) else "matmul"
        made.append(reader.call(kind, operands, (*x.dims[:-1], column), node))
    return Pending("parts", x, x.dims, pieces=tuple(made))


def _part(whole: Value, number: int, dims: Dims) -> Value:
    *modules, name = whole.source.path
    return Value(Source("parameter", (*modules, f"{name}_{number}"), dims), dims)


RULES: dict[str, Rule] = {
    "aten.linear.default": linear,
    "aten.addmm.default": addmm,
    **dict.fromkeys(("aten.matmul.default", "aten.mm.default", "aten.bmm.default"), matmul),
    "aten.embedding.default": embedding,
    "aten.scaled_dot_product_attention.default": attention,
    "aten.rms_norm.default": norm("rms_norm"),
    "aten.layer_norm.default": norm("layer_norm"),
    "aten.cross_entropy_loss.default": loss,
}
"""By the name of the ATen function."""
