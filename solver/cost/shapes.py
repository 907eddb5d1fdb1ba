"""Sizes of matrix products and attention cores, from the indices of an operator (README section 5).

A product of operands a and w with result y: an index of y that both have is a batch of products,
one that only w has a column (n), any other a row (m); what y lacks is summed (k).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from dsl.spec import Operator
from solver.cost.collectives import Floats


@dataclass(frozen=True, slots=True)
class Product:
    """Index names of a batch of products [m, k] x [k, n]."""

    m: tuple[str, ...]
    n: tuple[str, ...]
    k: tuple[str, ...]
    batch: tuple[str, ...]


def product_of(op: Operator) -> Product | None:
    """The product that an operator is; None where its FLOPs are not two for every point of its
    iteration space, or it has not two operands and one result."""
    if op.engine != "tensor" or op.variants or len(op.inputs) < 2 or len(op.results) != 1:
        return None
    whole = {index.name: float(index.size) for index in op.indices}
    if op.forward_flops.evaluate(whole) != 2 * math.prod(whole.values()):
        return None
    a, w, y = (frozenset(u.indices) for u in (*op.inputs[:2], *op.results))
    names = [index.name for index in op.indices]
    return Product(
        m=tuple(i for i in names if i in y and i not in w),
        n=tuple(i for i in names if i in y and i in w and i not in a),
        k=tuple(i for i in names if i not in y),
        batch=tuple(i for i in names if i in y and i in w and i in a),
    )


@dataclass(frozen=True, slots=True)
class Core:
    """Index names of an attention core: `rows` of queries (of every sequence and head), `keys`
    that each sees, and the widths of queries and of values."""

    rows: tuple[str, ...]
    keys: tuple[str, ...]
    query: tuple[str, ...]
    value: tuple[str, ...]


def core_of(op: Operator) -> Core | None:
    """The core of an attention operator; None where it has not queries, keys and values."""
    if op.engine != "attention" or op.variants or len(op.inputs) < 3:
        return None
    q, key, val, o = (frozenset(u.indices) for u in (*op.inputs[:3], op.results[0]))
    names, cut = [index.name for index in op.indices], set(op.cuttable)
    return Core(
        rows=tuple(i for i in names if i in q and i in o and i in cut),
        keys=tuple(i for i in names if i in key and i not in q),
        query=tuple(i for i in names if i in q and i in key and i not in cut),
        value=tuple(i for i in names if i in val and i in o and i not in cut),
    )


def extent(names: Iterable[str], sizes: Mapping[str, Floats]) -> Floats:
    """The product of the local sizes of indices."""
    found = np.asarray(1.0)
    for name in names:
        found = found * sizes[name]
    return found
