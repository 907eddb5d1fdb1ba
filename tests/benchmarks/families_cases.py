"""The families that `tests.benchmarks.families` plans: model, batch, devices, time, target.

All on nodes of 8 H100, nothing pinned, pipeline, micro-batches and recompute the planner's. Batches
are those of the published trainings where there are any: 16 million tokens for Llama 3.1 405B
(Grattafiori et al. 2024, table 4), 15,360 sequences of 4,096 for DeepSeek-V3 (DeepSeek-AI 2024,
section 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass

DEVICES_PER_NODE = 8


@dataclass(frozen=True, slots=True)
class Family:
    """A model on a number of devices.

    `seconds` is the time limit, `target` the gap that must be reached in it (None: no demand).
    `experts` is the number of experts of a mixture, 0 for a dense model; `layers` what a pipeline
    can divide; `contexts` the degrees of context parallelism that hand strategies try.
    """

    name: str
    module: str
    model: str
    layers: int
    batch: int
    seq: int
    devices: int
    seconds: float
    target: float | None = None
    experts: int = 0
    contexts: tuple[int, ...] = (1,)

    @property
    def title(self) -> str:
        """Name and devices, unique among the families."""
        return f"{self.name} on {self.devices:,}"

    @property
    def key(self) -> str:
        """The title as a file name."""
        return "".join(c if c.isalnum() else "_" for c in self.title.replace(",", "").lower())

    def spec(
        self,
        mesh: str = "",
        imports: tuple[str, ...] = (),
        microbatches: str = "auto",
        pipeline: str = "auto 1..8 chunks",
        pins: tuple[str, ...] = (),
    ) -> str:
        """The text of a spec; without arguments that of the free one."""
        nodes = self.devices // DEVICES_PER_NODE
        mesh = mesh or (f"node: {nodes}, gpu: 8" if nodes > 1 else "gpu: 8")
        return "\n".join(
            [
                "language 1",
                "import hardware.nvidia (h100_sxm)",
                f"import models.{self.module} ({self.model})",
                *imports,
                "",
                f"mesh pod = h100_sxm[{mesh}]",
                "",
                f"model net = {self.model}(batch: {self.batch}, seq: {self.seq})",
                "",
                "train {",
                "  optimizer adamw",
                "  precision bf16",
                f"  microbatches {microbatches}",
                f"  pipeline {pipeline}",
                "  recompute auto",
                "}",
                "",
                "limit memory <= 76 GiB per device, reserve 4 GiB",
                "",
                *(*pins, *[""] * bool(pins)),
                "minimize step_time",
                "",
            ]
        )


def _llama(
    size: str, layers: int, devices: int, seconds: float, target: float | None = None
) -> Family:
    batch = 2048 if size == "405b" else 256
    name, model = f"Llama 3 {size.upper()}", f"llama3_{size}"
    return Family(name, "llama", model, layers, batch, 8192, devices, seconds, target)


FAMILIES = (
    _llama("8b", 32, 32, 10, 0.05),
    _llama("70b", 80, 64, 30, 0.05),
    _llama("405b", 126, 16_384, 120, 0.05),
    Family("Mixtral 8x7B", "mixtral", "mixtral_8x7b", 32, 256, 4096, 64, 120, 0.1, experts=8),
    Family("DeepSeek-V3", "deepseek", "deepseek_v3", 61, 15_360, 4096, 2048, 120, 0.1, experts=256),
    Family(
        "Llama 3 8B, 128k tokens",
        "llama",
        "llama3_8b",
        32,
        batch=32,
        seq=131_072,
        devices=64,
        seconds=30,
        contexts=(1, 2, 4, 8, 16),
    ),
    Family(
        "LLaVA on Llama 3 8B", "vision_language", "llava_llama3_8b", 32, 256, 4096, 32, seconds=30
    ),
    _llama("8b", 32, 8, 10),
    _llama("8b", 32, 128, 20),
    _llama("8b", 32, 1024, 30),
    _llama("70b", 80, 512, 60),
)
