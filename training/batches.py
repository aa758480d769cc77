"""The batch of every step, drawn ahead by other processes where there are any."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from labels import patch_labels
from packing import PackedBatch, pack
from pictures import generate_pictures
from questions import ask, describe


class Labelled(NamedTuple):
    """Images uint8 `[batch, height, width, 3]`, labels `[labels, batch, patches]`."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> Labelled:
        """The same batch on another device."""
        return Labelled(*(part.to(device) for part in self))


class LabelledPictures(Dataset):
    """The batches of stage 1, by step."""

    def __init__(self, seed: tuple[int, ...], batch: int) -> None:
        self.seed, self.batch = seed, batch

    def __getitem__(self, step: int) -> Labelled:
        images, pictures = generate_pictures((*self.seed, step), self.batch)
        return Labelled(torch.from_numpy(images), torch.from_numpy(patch_labels(pictures)))


class Order(NamedTuple):
    """What a batch of questions depends on besides the run's seed and sizes."""

    step: int
    describe_weight: float  # of a description's word; 1 is that of an answer's
    mix: dict[str, float]  # share of each kind of question


class Asked(NamedTuple):
    """Images and labels as in `Labelled`, and the packed questions."""

    images: Tensor
    batch: PackedBatch
    labels: Tensor

    def to(self, device: torch.device) -> Asked:
        """The same batch on another device."""
        return Asked(*(part.to(device) for part in self))


class AskedPictures(Dataset):
    """The batches of the decoder's stages, by the order that they are drawn to."""

    def __init__(self, seed: tuple[int, ...], batch: int, questions: int) -> None:
        self.seed, self.batch, self.questions = seed, batch, questions

    def __getitem__(self, order: Order) -> Asked:
        seed = (*self.seed, order.step)
        images, pictures = generate_pictures(seed, self.batch)
        choice = random.Random(f"{seed}/questions")
        asked = [[*ask(p, choice, self.questions, order.mix), *describe(p)] for p in pictures]
        batch = pack(pictures, asked, {"describe": order.describe_weight})
        # Nobody asks for the questions, and they are slow to hand over.
        batch = replace(batch, questions=[])
        return Asked(torch.from_numpy(images), batch, torch.from_numpy(patch_labels(pictures)))


def drawn(batches: Dataset, keys: Iterator, workers: int) -> Iterator:
    """Batches in the order of `keys`; `workers` processes draw some ahead, without any each waits its turn."""
    ahead = {"prefetch_factor": 4, "worker_init_fn": _one_thread} if workers else {}
    return iter(DataLoader(batches, batch_size=None, sampler=keys, num_workers=workers, **ahead))


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
