"""Short ways to write down the small problems of directed tests."""

import math

import numpy as np

from solver.engine.problem import Edge, Node, NodeUse, Pin, Resource, plain_edge

INF = math.inf


def nodes(*costs: list[float]) -> tuple[Node, ...]:
    return tuple(Node(f"n{k}", np.array(c, dtype=float)) for k, c in enumerate(costs))


def edge(u: int, v: int, *rows: list[float]) -> Edge:
    return plain_edge(u, v, np.array(rows, dtype=float))


def takes(node: int, start: int, stop: int, *amounts: float) -> NodeUse:
    return NodeUse(0, start, stop, node, np.array(amounts))


def limit(*capacity: float, price: float = INF) -> tuple[Resource, ...]:
    return (Resource("memory", np.array(capacity), price),)


def pin(node: int, *broken: bool, weight: float = 5.0) -> Pin:
    return Pin("p", {node: np.array(broken)}, weight)
