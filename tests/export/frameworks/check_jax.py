"""JAX 0.10 on eight forced host devices: pieces of every array, then a training step.

The step runs every operator under the exported constraints, chunk by chunk in the exported order,
and its loss and gradients are those of the same operators on one device without constraints.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding

ARITHMETIC = (
    "embed",
    "rms_norm",
    "matmul",
    "rope",
    "attention",
    "add",
    "silu_mul",
    "cross_entropy",
)
Values = dict[str, jax.Array]


def main(folder: Path) -> None:
    spec = importlib.util.spec_from_file_location("shardings", folder / "shardings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plan = json.loads((folder / "expected.json").read_text())
    devices = jax.devices()[: math.prod(plan["sizes"].values())]
    meshes = [module.mesh(stage, devices) for stage in range(plan["stages"])]
    check_devices(meshes, plan)
    check_pieces(module, meshes[0], plan)
    assert [[list(x) for x in row] for row in chunks_named(module, plan)] == plan["rows"]
    if all(operator["kind"] in ARITHMETIC for operator in plan["operators"]):
        check_step(module, meshes, plan)


def check_devices(meshes: list[Any], plan: dict) -> None:
    """Devices at one place of all stages are a group of the plan's pipeline axes."""
    columns = zip(*(mesh.devices.flatten().tolist() for mesh in meshes), strict=True)
    assert (
        sorted([device.id for device in column] for column in columns) == plan["groups"]["stages"]
    )


def check_pieces(module: Any, mesh: Any, plan: dict) -> None:
    for name, entry in plan["parameters"].items():
        fields = ("used", "stored", "gradients_stored", "optimizer_stored")
        for spec, field in zip(module.PARAMETERS[name], fields, strict=True):
            wanted = [
                size // math.prod(plan["sizes"][part] for part in parts)
                for size, parts in zip(entry["shape"], entry[field], strict=True)
            ]
            found = NamedSharding(mesh, spec).shard_shape(tuple(entry["shape"]))
            assert list(found) == wanted, (name, field)
    for operator in plan["operators"]:
        for spec, (name, indices) in zip(
            module.OPERATORS[operator["name"]].inputs, operator["inputs"], strict=True
        ):
            shape = whole_shape(plan, name)
            found = NamedSharding(mesh, spec).shard_shape(shape)
            if operator["kind"] in ARITHMETIC:
                wanted = [
                    size // pieces(plan, operator, i)
                    for size, i in zip(shape, indices, strict=True)
                ]
                assert list(found) == wanted, (operator["name"], name)


def pieces(plan: dict, operator: dict, index: str) -> int:
    return math.prod(plan["sizes"][part] for part in operator["cuts"].get(index, []))


def whole_shape(plan: dict, name: str) -> tuple[int, ...]:
    """The shape in a micro-batch."""
    tensor, count = plan["tensors"][name], plan["microbatches"]
    sizes = zip(tensor["shape"], tensor["batch"], strict=True)
    return tuple(size // count if batch else size for size, batch in sizes)


def chunks_named(module: Any, plan: dict) -> list[list[tuple[str, int, int]]]:
    """The exported order with chunks of the model."""
    rows = []
    for stage, row in enumerate(module.SCHEDULE):
        here = [chunk for chunk, place in enumerate(plan["places"]) if place == stage]
        rows.append([(phase, here[turn], batch) for phase, turn, batch in row])
    return rows


# ---- arithmetic ----------------------------------------------------------------------------


def run(kind: str, uses: list[list[str]], result: list[str], values: list[jax.Array]) -> jax.Array:
    """One operator, by its indices."""
    first = values[0]
    match kind:
        case "embed":
            return values[1][first]
        case "rms_norm":
            return first * jax.lax.rsqrt(jnp.mean(first**2, -1, keepdims=True) + 1e-5) * values[1]
        case "matmul":
            return jnp.einsum(f"{''.join(uses[0])},{''.join(uses[1])}->{''.join(result)}", *values)
        case "rope":
            half = first.shape[-1] // 2
            angle = jnp.arange(first.shape[1])[:, None] / 10000.0 ** (jnp.arange(half) / half)
            angle = angle.reshape(1, first.shape[1], *([1] * (first.ndim - 3)), half)
            one, other = first[..., :half], first[..., half:]
            cos, sin = jnp.cos(angle), jnp.sin(angle)
            return jnp.concatenate([one * cos - other * sin, one * sin + other * cos], -1)
        case "attention":
            scores = jnp.einsum("bsgrk,btgk->bgrst", first, values[1]) / first.shape[-1] ** 0.5
            mask = jnp.tril(jnp.ones(scores.shape[-2:], bool))
            weights = jax.nn.softmax(jnp.where(mask, scores, -1e9), -1)
            return jnp.einsum("bgrst,btgk->bsgrk", weights, values[2])
        case "add":
            return first + values[1]
        case "silu_mul":
            return jax.nn.silu(first) * values[1]
        case _:
            picked = jnp.take_along_axis(first, values[1][..., None], -1)[..., 0]
            return jax.nn.logsumexp(first, -1) - picked


def chunk_function(
    plan: dict, chunk: int, constrain: Callable[[jax.Array, str, str, int], jax.Array]
) -> Callable[[Values, Values], Values]:
    """(parameters, tensors that enter) -> all tensors that are made; `constrain` lays them out."""
    operators = [o for o in plan["operators"] if o["chunk"] == chunk]

    def forward(parameters: Values, entering: Values) -> Values:
        known = {**parameters, **entering}
        made: Values = {}
        for operator in operators:
            name = operator["name"]
            values = [
                constrain(known[tensor], name, "inputs", number)
                for number, (tensor, _) in enumerate(operator["inputs"])
            ]
            uses = [indices for _, indices in operator["inputs"]]
            tensor, indices = operator["results"][0]
            value = run(operator["kind"], uses, indices, values)
            known[tensor] = made[tensor] = constrain(value, name, "results", 0)
        return made

    return forward


# ---- a step --------------------------------------------------------------------------------


def check_step(module: Any, meshes: list[Any], plan: dict) -> None:
    rng = np.random.default_rng(0)
    parameters = {
        name: jnp.asarray(0.3 * rng.standard_normal(entry["shape"]), jnp.float32)
        for name, entry in plan["parameters"].items()
    }
    (source,) = (name for name, t in plan["tensors"].items() if t["role"] == "input")
    loss = plan["operators"][-1]["results"][0][0]
    vocabulary = plan["parameters"]["net.embed.table"]["shape"][0]
    shape = (plan["microbatches"], *whole_shape(plan, source))
    batches = jnp.asarray(rng.integers(0, vocabulary, shape), jnp.int32)
    chunks = range(len(plan["places"]))

    def alone(values: Values) -> jax.Array:
        total = jnp.float32(0)
        for batch in batches:
            known: Values = {source: batch}
            for chunk in chunks:
                known |= chunk_function(plan, chunk, lambda value, *_: value)(values, known)
            total += known[loss].sum()
        return total

    wanted, wanted_gradients = jax.jit(jax.value_and_grad(alone))(parameters)
    step = Step(module, meshes, plan, parameters, {source: batches}, loss)
    found, gradients = step.run(chunks_named(module, plan))
    assert abs(found - wanted) <= 1e-4 * abs(wanted), (found, wanted)
    for name, gradient in wanted_gradients.items():
        error = np.abs(np.asarray(gradients[name]) - np.asarray(gradient)).max()
        assert error <= 1e-4 * np.abs(np.asarray(gradient)).max(), (name, error)


class Step:
    """Runs the operators of all stages in their order, each when what it waits for is there."""

    def __init__(
        self,
        module: Any,
        meshes: list[Any],
        plan: dict,
        parameters: Values,
        inputs: Values,
        loss: str,
    ) -> None:
        self.module, self.meshes, self.plan, self.loss = module, meshes, plan, loss
        self.inputs, self.known = inputs, {}  # (tensor, micro-batch) -> value
        self.pulls: dict[tuple[int, int], Any] = {}  # (chunk, micro-batch) -> backward
        self.back: dict[tuple[str, int], jax.Array] = {}  # gradients that readers sent
        self.gradients: Values = {}
        self.held, self.functions, self.jitted, self.total = {}, {}, {}, 0.0
        for chunk, stage in enumerate(plan["places"]):
            names = {t for o in plan["operators"] if o["chunk"] == chunk for t, _ in o["inputs"]}
            for name in names & parameters.keys():
                spec = module.PARAMETERS[name].stored
                self.held[chunk, name] = module.place(parameters[name], spec, meshes[stage])
            self.functions[chunk] = self._function(chunk, meshes[stage])
        made = {o["results"][0][0]: o["chunk"] for o in plan["operators"]}
        self.enters = {
            chunk: sorted(
                {
                    tensor
                    for o in plan["operators"]
                    if o["chunk"] == chunk
                    for tensor, _ in o["inputs"]
                    if made.get(tensor, chunk) != chunk
                }
            )
            for chunk in self.functions
        }
        self.made = made

    def _function(self, chunk: int, mesh: Any) -> Callable[[Values, Values], Values]:
        def constrain(value: jax.Array, name: str, side: str, number: int) -> jax.Array:
            spec = getattr(self.module.OPERATORS[name], side)[number]
            return self.module.constrain(value, spec, mesh)

        forward = chunk_function(self.plan, chunk, constrain)
        again = any(o["recompute"] for o in self.plan["operators"] if o["chunk"] == chunk)
        return jax.checkpoint(forward) if again else forward

    def run(self, rows: list[list[tuple[str, int, int]]]) -> tuple[float, Values]:
        left = [list(row) for row in rows]
        while any(left):
            moved = False
            for row in left:
                while row and self._is_ready(*row[0]):
                    self._do(*row.pop(0))
                    moved = True
            assert moved, "operators wait for each other"
        return self.total, self.gradients

    def _is_ready(self, phase: str, chunk: int, batch: int) -> bool:
        if phase == "F":
            return all((tensor, batch) in self.known for tensor in self.enters[chunk])
        if phase == "W":
            return True
        return (chunk, batch) in self.pulls and all(
            (tensor, batch) in self.back for tensor in self._leaves(chunk)
        )

    def _leaves(self, chunk: int) -> list[str]:
        readers = (t for other, names in self.enters.items() if other != chunk for t in names)
        return sorted({tensor for tensor in readers if self.made[tensor] == chunk})

    def _do(self, phase: str, chunk: int, batch: int) -> None:
        match phase:
            case "F":
                self._forward(chunk, batch)
            case "B":
                self._backward(chunk, batch)

    def _forward(self, chunk: int, batch: int) -> None:
        mesh = self.meshes[self.plan["places"][chunk]]
        own = {name: value for (c, name), value in self.held.items() if c == chunk}
        entering = {t: self._arrived(t, batch, mesh) for t in self.enters[chunk]}
        tokens = {name: value[batch] for name, value in self.inputs.items()}
        forward = partial(self._compiled(chunk), tokens)
        made, self.pulls[chunk, batch] = jax.vjp(forward, own, entering)
        for name, value in made.items():
            self.known[name, batch] = value
        if self.loss in made:
            self.total += float(made[self.loss].sum())

    def _compiled(self, chunk: int) -> Callable[[Values, Values, Values], Values]:
        """(tokens, parameters, tensors that enter) -> what leaves the chunk; compiled once."""
        if chunk not in self.jitted:
            wanted = [*self._leaves(chunk), *([self.loss] if self.made[self.loss] == chunk else [])]

            def forward(tokens: Values, parameters: Values, tensors: Values) -> Values:
                made = self.functions[chunk](parameters, {**tensors, **tokens})
                return {name: made[name] for name in wanted}

            self.jitted[chunk] = jax.jit(forward)
        return self.jitted[chunk]

    def _arrived(self, tensor: str, batch: int, mesh: Any) -> jax.Array:
        spec = self.module.OPERATORS[tensor].results[0]
        return self.module.place(self.known[tensor, batch], spec, mesh)

    def _backward(self, chunk: int, batch: int) -> None:
        mesh = self.meshes[self.plan["places"][chunk]]
        sent = {}
        for name in self._leaves(chunk):
            spec = self.module.OPERATORS[name].results[0]
            sent[name] = self.module.place(self.back[name, batch], spec, mesh)
        if self.made[self.loss] == chunk:
            sent[self.loss] = jnp.ones_like(self.known[self.loss, batch])
        own, entering = self.pulls.pop((chunk, batch))(sent)
        for name, gradient in own.items():
            before = self.gradients.get(name, 0.0)
            self.gradients[name] = before + np.asarray(gradient)
        for name, gradient in entering.items():
            self.back[name, batch] = gradient


if __name__ == "__main__":
    main(Path(sys.argv[1]))
