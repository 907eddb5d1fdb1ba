"""Training of an exported plan under torchrun, on CUDA or on CPUs with gloo."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch
import torch.distributed as distributed
from torch import nn

from solver.reference.runtime.pipeline import Pipeline
from solver.reference.runtime.program import Program
from solver.reference.runtime.weights import StoredWeight

DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}


class Trainer:
    """AdamW over the pieces that this device updates, kept in 32 bits where the model has 16."""

    def __init__(self, pipeline: Pipeline, rate: float) -> None:
        self.pipeline = pipeline
        self._pieces: list[tuple[StoredWeight, nn.Parameter]] = []
        for chunk in pipeline.chunks.values():
            for weight in chunk.weights().values():
                if weight.spec.trained:
                    kept = weight.piece().to(weight.handle.dtype).clone()
                    self._pieces.append((weight, nn.Parameter(kept)))
        self._optimizer = torch.optim.AdamW([piece for _, piece in self._pieces], lr=rate)

    def step(self) -> torch.Tensor | None:
        """One step of training; the loss, on the last stage."""
        loss = self.pipeline.step()
        for weight, piece in self._pieces:
            piece.grad = weight.reduced()
            weight.handle.grad = None
        self._optimizer.step()
        for weight, piece in self._pieces:
            weight.put(piece)
        return loss


def main(program: Program, schedule: Path) -> None:
    """Train on random data and say the loss of every step."""
    parser = argparse.ArgumentParser(description="Train the plan on random data, under torchrun.")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate of AdamW")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cuda", "cpu"), default=device)
    parser.add_argument("--dtype", choices=tuple(DTYPES), default=None)
    arguments = parser.parse_args()
    where = _device(arguments.device)
    dtype = DTYPES[arguments.dtype or ("bfloat16" if where.type == "cuda" else "float32")]
    distributed.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        summed_as = torch.float32 if dtype == torch.bfloat16 else dtype
        trainer = Trainer(Pipeline(program, schedule, where, dtype, summed_as), arguments.rate)
        for number in range(arguments.steps):
            loss = trainer.step()
            if loss is not None and trainer.pipeline.speaks:
                sys.stdout.write(f"step {number}: loss {loss.item():.6f}\n")
                sys.stdout.flush()
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def _device(kind: str) -> torch.device:
    if kind == "cpu":
        return torch.device("cpu")
    number = int(os.environ.get("LOCAL_RANK", "0"))
    torch.cuda.set_device(number)
    return torch.device("cuda", number)
