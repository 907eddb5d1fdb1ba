"""What every feasible example must come to within a few seconds on two busy cores."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    """`seconds`: the time limit. `gap`: at most this. `stages`: the stages of any plan, or None."""

    seconds: float
    devices: int
    gap: float
    stages: int | None = None


EXPECTED = {
    "llama3_8b": Expected(8, 32, 0.15),
    "llama3_70b_megatron": Expected(12, 64, 0.55),
    "llama3_405b": Expected(12, 16_384, 0.5, stages=16),
    "mixtral_8x7b": Expected(8, 32, 0.2),
    "deepseek_v3": Expected(15, 2048, 0.6, stages=16),
    "long_context": Expected(8, 16, 0.1, stages=1),
    "qwen2_5_72b": Expected(10, 64, 0.3, stages=4),
    "vision_language": Expected(6, 8, 0.02),
    "mixed_mesh": Expected(8, 16, 0.35),
    "measured_pipeline": Expected(8, 16, 0.26, stages=16),
    "measured_zero_bubble": Expected(6, 8, 0.03, stages=8),
    "measured_v": Expected(6, 4, 0.05, stages=4),
    "overlap": Expected(10, 16, 0.1, stages=1),
    "forbidden": Expected(8, 16, 0.3),
    "soft_pin": Expected(5, 8, 0.01, stages=1),
}
INFEASIBLE = ("infeasible",)
