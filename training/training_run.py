"""What the stages share: options, the clock, checkpoints, the log, and bfloat16."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

import torch

CHECKPOINTS = Path(__file__).parent / "checkpoints"
VISION_SEED, DECODER_SEED = 102, 106  # keep the pictures of the stages apart


def add_run_option(parser: argparse.ArgumentParser) -> None:
    """The option that keeps runs apart."""
    parser.add_argument("--name", default="", help="folder under checkpoints/ for a run of its own")


def add_training_options(
    parser: argparse.ArgumentParser, *, minutes: float, batch: int, rate: float, pictures: int
) -> None:
    """The options of every stage, with its defaults."""
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--steps", type=int, help="train this many steps instead of by the clock")
    parser.add_argument("--batch", type=int, default=batch, help="pictures a step")
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="processes that draw pictures; with 0 training waits")
    parser.add_argument(
        "--pictures", type=int, default=pictures, help="held-out pictures per evaluation; 0 for none"
    )
    add_run_option(parser)


def checkpoint_path(name: str, stage: str) -> Path:
    """Where a run keeps the checkpoint of a stage."""
    return CHECKPOINTS / name / f"{stage}.pt"


def pick_device() -> torch.device:
    """A GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def half_precision(device: torch.device) -> torch.autocast:
    """bfloat16 matrix products on float32 weights: five times as fast on CPUs with AVX512-BF16."""
    return torch.autocast(device.type, dtype=torch.bfloat16)


def cosine(share: float) -> float:
    """From 1 at the start of a decay to almost nothing at its end."""
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share))


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


def load_checkpoint(path: Path) -> dict | None:
    """Read a checkpoint onto the CPU, or None where there is none."""
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None


def log(stage: str, progress: Progress, **values: object) -> dict:
    """One JSON line with step, minutes and figures (tensors as numbers) on standard error; the same as values."""
    line = {"stage": stage, "step": progress.step, "minutes": round(progress.elapsed / 60, 1)}
    line |= {name: round(v.item(), 3) if isinstance(v, torch.Tensor) else v for name, v in values.items()}
    print(json.dumps(line), file=sys.stderr, flush=True)
    return line
