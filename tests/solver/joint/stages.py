"""Stages of the joint model: which units they hold, what these take, who sends to whom.

Where a product of a choice and a place is needed, an amount on a stage is at least
`cost - M (1 - is there)`; minimising makes it equal wherever it matters.
"""

from __future__ import annotations

import itertools

from solver.cpsat import Linear
from solver.verify.layouts import local_bytes
from solver.verify.stage_time import FUSED_FAMILIES
from solver.verify.wiring import Write
from tests.solver.joint.choices import Choices
from tests.solver.joint.selection import Selection
from tests.solver.joint.tables import Quantity
from tests.solver.joint.writer import Writer


class Stages:
    """Ticks of one micro-batch (`forward`, `backward`, `weight`) and of a step (`tail`) on every
    stage, and bytes: `static`, and of one micro-batch `until_b` and `until_w`. `fused`: the weight
    gradient is part of the backward. `joined` and `delay` are per pair of stages."""

    def __init__(self, write: Writer, choices: Choices, selection: Selection) -> None:
        self.write, self.model = write, write.model
        self.choices, self.selection = choices, selection
        self.spec = choices.spec
        self.stages = range(choices.stages)
        self.units = range(len(choices.units))
        self._place_units()
        self._sum_on_stages()
        self._connect_stages()

    def _place_units(self) -> None:
        """Every unit on one stage, never before what it reads; no stage is empty."""
        if len(self.stages) == 1:
            self.on = [[self.model.new_constant(1)] for _ in self.units]
            return
        self.on = [
            [self.write.literal(f"unit {u} on {s}") for s in self.stages] for u in self.units
        ]
        for row in self.on:
            self.model.add_exactly_one(row)
        at = [sum(s * x for s, x in enumerate(row)) for row in self.on]
        number = self.selection.number
        for source, target in self.choices.space.edges:
            if source != target:
                self.model.add(at[number[source]] <= at[number[target]])
        for s in self.stages:
            self.model.add(sum(row[s] for row in self.on) >= 1)

    def _sum_on_stages(self) -> None:
        """Seconds of F, B, W and tail, and bytes, of every unit and of every stage."""
        cost, again = self.selection.cost, self.selection.again
        forward = [row[Quantity.F] for row in cost]
        backward, until_b, until_w, self.rebuilt = [], [], [], []
        for u, row in enumerate(cost):
            repeated = self.write.when(row[Quantity.AGAIN], [again[u]], f"repeated {u}")
            backward.append(row[Quantity.B] + repeated)
            saved = row[Quantity.SAVED_B] + row[Quantity.SAVED_W]
            early = self.write.when(row[Quantity.SAVED_B], [1 - again[u]], f"early {u}")
            kept = self.write.when(row[Quantity.KEPT], [again[u]], f"kept {u}")
            until_b.append(early + kept)
            until_w.append(self.write.when(row[Quantity.SAVED_W], [1 - again[u]], f"late {u}"))
            self.rebuilt.append(self.write.when(saved, [again[u]], f"rebuilt {u}"))
        weight = [row[Quantity.W] for row in cost]
        self.forward = self._on_stages(forward, "forward")
        self.backward = self._on_stages(backward, "backward")
        self.weight = self._on_stages(weight, "weight")
        self.tail = self._on_stages(self.selection.tail, "tail")
        self.until_b = self._on_stages(until_b, "until b")
        self.until_w = self._on_stages(until_w, "until w")
        self.static = self._on_stages(self.selection.held, "static")
        if self.spec.train.pipeline.family in FUSED_FAMILIES:
            self.fused: list[Linear] = [self.model.new_constant(1) for _ in self.stages]
        else:
            self.fused = [
                self.write.any_of(
                    [
                        self.write.all_of([self.on[u][s], again[u]], f"{u} again on {s}")
                        for u in self.units
                    ],
                    f"fused {s}",
                )
                for s in self.stages
            ]

    def _on_stages(self, amounts: list[Linear], name: str) -> list[Linear]:
        """The sums of units' amounts over the units of every stage."""
        if len(self.stages) == 1:
            return [sum(amounts)]
        found: list[Linear] = [0 for _ in self.stages]
        for u, amount in enumerate(amounts):
            parts = [
                self.write.when(amount, [self.on[u][s]], f"{name} of {u} on {s}")
                for s in self.stages
            ]
            if self.write.most_of(amount):
                self.model.add(sum(parts) >= amount)
            for s, part in enumerate(parts):
                found[s] = found[s] + part
        return found

    def _connect_stages(self) -> None:
        """Which stage reads from which, and the seconds of the transfer."""
        self.joined: dict[tuple[int, int], Linear] = {}
        self.delay: dict[tuple[int, int], Linear] = {}
        if len(self.stages) == 1:
            return
        number = self.selection.number
        sent: dict[tuple[int, int], list[tuple[str, Linear]]] = {}
        for name, write in self.choices.space.wiring.producers.items():
            readers = self.choices.space.wiring.readers.get(name, ())
            source = number[write.operator.unit]
            targets = {number[read.operator.unit] for read in readers} - {source}
            for s, t in itertools.combinations(self.stages, 2) if targets else ():
                there = self.write.any_of([self.on[v][t] for v in targets], f"{name} read on {t}")
                both = self.write.all_of([self.on[source][s], there], f"{name} from {s} to {t}")
                sent.setdefault((s, t), []).append((name, both))
        for pair in itertools.combinations(self.stages, 2):
            rows = sent.get(pair, [])
            self.joined[pair] = self.write.any_of(
                [literal for _, literal in rows], f"joined {pair}"
            )
            self.delay[pair] = self._delay(rows)

    def _delay(self, rows: list[tuple[str, Linear]]) -> Linear:
        ticks = self.selection.ticks
        if self.spec.train.transfer is not None:
            return ticks(self.spec.train.transfer)
        links = [part.link for part in self.choices.pipeline]
        bandwidth = min(link.bandwidth for link in links)
        latency = max(link.latency for link in links if link.bandwidth == bandwidth)
        total: Linear = ticks(latency)
        for name, literal in rows:
            operator = self.choices.space.wiring.producers[name].operator.name
            seconds = [size / bandwidth for size in self._sizes(name)]
            literals = self.selection.options[operator]
            sending = sum(ticks(x) * y for x, y in zip(seconds, literals, strict=True))
            total = total + self.write.when(sending, [literal], f"send {name}")
        return total

    def _sizes(self, tensor: str) -> list[float]:
        """Bytes of a tensor as produced, for every option of its producer."""
        write = self.choices.space.wiring.producers[tensor]
        name = write.operator.name
        plans = [self.choices.plan({name: i}) for i in range(self.choices.options(name))]
        declared = self.spec.graph.tensors[tensor]
        return [
            local_bytes(declared, p.produced(Write(write.operator, write.use)), p.frame)
            for p in plans
        ]
