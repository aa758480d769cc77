"""What both training stages share: the clock, checkpoints and the log."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import torch
from torch import distributed, nn

CHECKPOINTS = Path(__file__).parent / "checkpoints"
VISION_SEED, DECODER_SEED, DEEP_SEED = 1, 2, 3  # keep the scenes of the stages apart


def add_run_option(parser: argparse.ArgumentParser) -> None:
    """The option that keeps runs apart."""
    parser.add_argument(
        "--name", default="", help="folder under checkpoints/ for a run of its own"
    )


def pick_device() -> torch.device:
    """A GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Workers:
    """The processes that share a step, each with its part of the batch: all that `torchrun` started.

    On a CPU that does other work too, two processes of one thread are far faster than one process of
    two threads: they meet once a step instead of in every operation.
    """

    def __init__(self) -> None:
        self.rank, self.count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if self.count > 1:
            distributed.init_process_group("gloo")

    def part(self, batch: int) -> int:
        """This process's share of a batch."""
        return batch // self.count

    def seed(self, *parts: int) -> tuple[int, ...]:
        """The seed of this process's share."""
        return parts if self.count == 1 else (*parts, self.rank)

    def agree(self, value: float) -> float:
        """The first process's value, such as its clock."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(shared, src=0)
        return shared.item()

    def average_gradients(self, parameters: list[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        for gradient, mean in zip(gradients, (flat / self.count).split([g.numel() for g in gradients])):
            gradient.copy_(mean.view_as(gradient))


class Progress:
    """How far a run is: by steps if a number is given, else by minutes of training."""

    def __init__(self, minutes: float, steps: int | None) -> None:
        self.seconds, self.steps = minutes * 60, steps
        self.step, self.earlier = 0, 0.0
        self.started = self.reported = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, earlier runs included."""
        return self.earlier + time.monotonic() - self.started

    @property
    def fraction(self) -> float:
        """Share of the run that is done, 0 to 1."""
        done = self.step / self.steps if self.steps else self.elapsed / self.seconds
        return min(1.0, done)

    def at(self, step: int) -> float:
        """What `fraction` will be at a step, as far as that is known now."""
        return min(1.0, step / self.steps) if self.steps else self.fraction

    @property
    def finished(self) -> bool:
        """Whether the run has used up its steps or minutes."""
        return self.fraction >= 1

    def advance(self) -> None:
        """Count one optimizer step."""
        self.step += 1

    def due(self, seconds: float) -> bool:
        """True once every so many seconds."""
        if time.monotonic() - self.reported < seconds:
            return False
        self.reported = time.monotonic()
        return True

    def state(self) -> dict:
        """What a checkpoint keeps."""
        return {"step": self.step, "seconds": self.elapsed}

    def resume(self, state: dict) -> None:
        """Go on from a checkpoint."""
        self.step, self.earlier = state["step"], state["seconds"]


def save_checkpoint(path: Path, state: dict) -> None:
    """Write beside the target, then rename, so that a crash leaves the old one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    torch.save(state, beside)
    os.replace(beside, path)


def load_checkpoint(path: Path, device: torch.device) -> dict | None:
    """Read a checkpoint, or None where there is none."""
    return torch.load(path, map_location=device, weights_only=True) if path.exists() else None


def log(stage: str, progress: Progress, **values: object) -> None:
    """One JSON line with step, minutes and figures (tensors as numbers) on standard error."""
    line = {"stage": stage, "step": progress.step, "minutes": round(progress.elapsed / 60, 1)}
    line |= {name: round(v.item(), 3) if isinstance(v, torch.Tensor) else v for name, v in values.items()}
    print(json.dumps(line), file=sys.stderr, flush=True)
