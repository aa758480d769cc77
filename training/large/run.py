"""What the stages share: bfloat16 where it is fast, checkpoints apart, positions of another grid."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from training_run import CHECKPOINTS

from .pictures import FULL_GRID, SMALL_GRID

# Keep the pictures of the stages apart.
VISION_SEEDS = {SMALL_GRID: 101, FULL_GRID: 102}
DECODER_SEEDS = {SMALL_GRID: 103, FULL_GRID: 104}
DEEP_SEED, WHOLE_SEED = 105, 106


def checkpoint_folder(name: str) -> Path:
    """Where a run keeps its checkpoints."""
    return CHECKPOINTS / "large" / name


def half_precision(device: torch.device) -> torch.autocast:
    """bfloat16 matrix products on float32 weights: five times as fast on CPUs with AVX512-BF16."""
    return torch.autocast(device.type, dtype=torch.bfloat16)


def resize_positions(positions: Tensor, grid: int) -> Tensor:
    """Position embeddings `[1, patches, width]` of a square grid, interpolated to `grid` x `grid`."""
    before = round(positions.shape[1] ** 0.5)
    if before == grid:
        return positions
    square = positions.view(1, before, before, -1).permute(0, 3, 1, 2)
    square = functional.interpolate(square, (grid, grid), mode="bilinear", align_corners=False)
    return square.permute(0, 2, 3, 1).reshape(1, grid * grid, -1)
