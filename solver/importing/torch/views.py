"""Rules for what moves no data, or moves it without arithmetic: views, casts, slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solver.importing.torch import atoms
from solver.importing.torch.atoms import Dims
from solver.importing.torch.reader import NoKindError, Reader, Rule, shape_of
from solver.importing.torch.values import Constant, Pending, Seen, Value

if TYPE_CHECKING:
    from torch.fx import Node

_COMPLEX = "aten.view_as_complex.default"


def same(reader: Reader, node: Node) -> Seen:
    """A cast, a copy, dropout without training: the tensor itself."""
    return reader.get(node.args[0])


def nothing(_reader: Reader, _node: Node) -> Seen:
    """An assertion."""
    return Constant()


def view(reader: Reader, node: Node) -> Seen:
    """The same elements in another shape."""
    found = _whole(reader, node)
    shape = shape_of(node) or ()
    pairs = any(str(user.target) == _COMPLEX for user in node.users)
    if pairs or (isinstance(found, Pending) and found.step == "turned"):
        return _turned(found, tuple((atoms.Atom(n),) for n in shape))
    return _with(found, atoms.regroup(atoms.flat(found.dims), shape))


def permute(reader: Reader, node: Node) -> Seen:
    """Dimensions in another order."""
    found = _whole(reader, node)
    order = [int(at) for at in node.args[1]]  # type: ignore[union-attr,arg-type]
    return _with(found, tuple(found.dims[at] for at in order))


def transpose(reader: Reader, node: Node) -> Seen:
    """Two dimensions change places (the last two, for `.t()` and `.mT`)."""
    found = _whole(reader, node)
    one, other = (int(at) for at in node.args[1:3]) if len(node.args) > 2 else (-2, -1)  # type: ignore[arg-type]
    dims = list(found.dims)
    dims[one], dims[other] = dims[other], dims[one]
    return _with(found, tuple(dims))


def unsqueeze(reader: Reader, node: Node) -> Seen:
    """A dimension of one element more."""
    found = _whole(reader, node)
    at = int(node.args[1])  # type: ignore[arg-type]
    dims = list(found.dims)
    dims.insert(at if at >= 0 else len(dims) + at + 1, ())
    return _with(found, tuple(dims))


def expand(reader: Reader, node: Node) -> Seen:
    """Repeats dimensions of one element."""
    found = _whole(reader, node)
    shape = shape_of(node) or ()
    if not isinstance(found, Value):
        raise NoKindError("what is repeated here is a step of a pattern")
    dims: list[tuple[atoms.Atom, ...]] = [()] * (len(shape) - len(found.dims)) + list(found.dims)
    spread = set(found.spread)
    for at, wanted in enumerate(shape):
        if atoms.size(dims[at]) != wanted:
            new = atoms.Atom(wanted)
            spread.add(new)
            dims[at] = (new,)
    return Value(found.source, tuple(dims), frozenset(spread))


def repeat_interleave(reader: Reader, node: Node) -> Seen:
    """Repeats every row along a dimension (key heads for their query heads)."""
    found = reader.value(node.args[0])
    times, at = int(node.args[1]), int(node.args[2])  # type: ignore[arg-type]
    new = atoms.Atom(times)
    dims = list(found.dims)
    dims[at] = (*dims[at], new)
    return Value(found.source, tuple(dims), found.spread | {new})


def cut(reader: Reader, node: Node) -> Seen:
    """A slice: the whole, or a piece of a tensor that a rotation puts together again."""
    found = reader.get(node.args[0])
    shape = shape_of(node) or ()
    if isinstance(found, Value | Pending) and shape == tuple(map(atoms.size, found.dims)):
        return found
    return _turned(found, tuple((atoms.Atom(n),) for n in shape))


def pieces(reader: Reader, node: Node) -> Seen:
    """`chunk`, `split` and `unbind`: pieces of a rotation, or of a product in several parts."""
    found = reader.get(node.args[0])
    if isinstance(found, Pending) and found.step == "parts":
        return found
    turned = tuple(
        _turned(found, tuple((atoms.Atom(int(n)),) for n in one.shape)) for one in node.meta["val"]
    )
    return Pending("parts", turned[0].of, turned[0].dims, pieces=turned)


def item(reader: Reader, node: Node) -> Seen:
    """One of several results."""
    return reader.several(node.args[0])[int(node.args[1])]  # type: ignore[arg-type]


def gather(reader: Reader, node: Node) -> Seen:
    """`cat` and `stack` of pieces of one tensor."""
    members = [found for found in reader.several(node.args[0]) if not isinstance(found, Constant)]
    shape = shape_of(node) or ()
    if not all(isinstance(found, Pending) and found.step == "turned" for found in members):
        raise NoKindError("tensors are joined that are not parts of one")
    of = {found.of.source for found in members if isinstance(found, Pending)}
    if len(of) != 1:
        raise NoKindError("parts of several tensors are joined")
    first = members[0]
    masked = any(isinstance(found, Pending) and found.masked for found in members)
    made = _turned(first, tuple((atoms.Atom(n),) for n in shape))
    return Pending("turned", made.of, made.dims, masked=masked)


def turned(reader: Reader, node: Node) -> Seen:
    """A change of sign, or of the view, of a piece."""
    return _turned(reader.get(node.args[0]), tuple((atoms.Atom(n),) for n in shape_of(node) or ()))


def _turned(found: Seen, dims: Dims) -> Pending:
    if isinstance(found, Value) and found.source.role == "value":
        return Pending("turned", found, dims)
    if isinstance(found, Pending) and found.step == "turned":
        return Pending("turned", found.of, dims, masked=found.masked)
    raise NoKindError("a part of a tensor is read")


def _whole(reader: Reader, node: Node) -> Value | Pending:
    """The argument; a rotation that is complete becomes its operator."""
    found = reader.get(node.args[0])
    if isinstance(found, Constant):
        raise NoKindError("a constant is read")
    if isinstance(found, Pending) and found.step == "turned" and found.masked:
        sizes = tuple(map(atoms.size, found.dims))
        if sizes == tuple(map(atoms.size, found.of.dims)):
            return reader.turn(found)
    return found


def _with(found: Value | Pending, dims: Dims) -> Seen:
    if isinstance(found, Value):
        return Value(found.source, dims, found.spread)
    return Pending(found.step, found.of, dims, found.other, found.masked, found.pieces)


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "aten.to.dtype",
            "aten.to.device",
            "aten.to.dtype_layout",
            "aten._to_copy.default",
            "aten.type_as.default",
            "aten.contiguous.default",
            "aten.clone.default",
            "aten.alias.default",
            "aten.detach.default",
            "aten.dropout.default",
            "aten.lift_fresh_copy.default",
        ),
        same,
    ),
    "aten._assert_tensor_metadata.default": nothing,
    **dict.fromkeys(
        (
            "aten.view.default",
            "aten.reshape.default",
            "aten._unsafe_view.default",
            "aten.flatten.using_ints",
            "aten.unflatten.int",
            "aten.squeeze.dim",
        ),
        view,
    ),
    "aten.permute.default": permute,
    **dict.fromkeys(("aten.transpose.int", "aten.t.default", "aten.mT.default"), transpose),
    "aten.unsqueeze.default": unsqueeze,
    "aten.expand.default": expand,
    "aten.repeat_interleave.self_int": repeat_interleave,
    "aten.slice.Tensor": cut,
    "aten.select.int": cut,
    **dict.fromkeys(
        (
            "aten.chunk.default",
            "aten.split.Tensor",
            "aten.split.default",
            "aten.split_with_sizes.default",
            "aten.unbind.int",
        ),
        pieces,
    ),
    "<built-in function getitem>": item,
    **dict.fromkeys(("aten.cat.default", "aten.stack.default"), gather),
    **dict.fromkeys(("aten.neg.default", _COMPLEX, "aten.view_as_real.default"), turned),
}
"""By the name of the ATen function."""
