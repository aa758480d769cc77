"""The batch of every step, drawn ahead by other processes where there are any."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .asking import ask, describe
from .packing import PackedBatch, pack
from .pictures import generate_pictures, patch_labels


class Order(NamedTuple):
    """What a batch depends on besides the run's seed and sizes."""

    step: int
    describe_weight: float  # of a description's word; 1 is that of an answer's
    mix: dict[str, float]  # share of each kind of question


class Drawn(NamedTuple):
    """A batch: images uint8 `[batch, height, width, 3]`, labels `[labels, batch, patches]`."""

    images: Tensor
    batch: PackedBatch
    labels: Tensor

    def to(self, device: torch.device) -> Drawn:
        """The same batch on another device."""
        return Drawn(*(part.to(device) for part in self))


class Batches(Dataset):
    """Batches by the order that they are drawn to."""

    def __init__(self, seed: tuple[int, ...], batch: int, grid: int, questions: int) -> None:
        self.seed, self.batch, self.grid, self.questions = seed, batch, grid, questions

    def __getitem__(self, order: Order) -> Drawn:
        seed = (*self.seed, order.step)
        images, pictures = generate_pictures(seed, self.batch, self.grid)
        choice = random.Random(f"{seed}/questions")
        asked = [[*ask(p, choice, self.questions, order.mix), *describe(p)] for p in pictures]
        batch = pack(pictures, asked, {"describe": order.describe_weight})
        # Nobody asks for the questions, and they are slow to hand over.
        batch = replace(batch, questions=[])
        return Drawn(torch.from_numpy(images), batch, torch.from_numpy(patch_labels(pictures)))


def drawn(batches: Batches, orders: Iterator[Order], workers: int) -> Iterator[Drawn]:
    """Batches in the order of `orders`; `workers` processes draw some steps ahead, without any each waits its turn."""
    ahead = {"prefetch_factor": 4, "worker_init_fn": _one_thread} if workers else {}
    return iter(DataLoader(batches, batch_size=None, sampler=orders, num_workers=workers, **ahead))


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
