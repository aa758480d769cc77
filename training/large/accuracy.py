"""Held-out accuracy per kind of question, and the prior it has to beat."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from accuracy import Figures, Tally
from questions import Question

from .asking import FORMS, ask, describe
from .model import PictureModel, run_packed
from .packing import PackedBatch, pack
from .pictures import Picture, generate_pictures
from .run import half_precision

QUESTIONS_PER_PICTURE = 14


def held_out(
    seed: tuple[int, ...], count: int, grid: int
) -> tuple[Tensor, list[Picture], list[list[Question]]]:
    """Pictures with all kinds of questions; images uint8 `[count, height, width, 3]`."""
    images, pictures = generate_pictures(seed, count, grid)
    choice = random.Random(".".join(map(str, seed)) + "/questions")
    even = dict.fromkeys(FORMS, 1.0)
    asked = [
        [*ask(picture, choice, QUESTIONS_PER_PICTURE, even), *describe(picture)] for picture in pictures
    ]
    return torch.from_numpy(images), pictures, asked


Predict = Callable[[PictureModel, Tensor, list[Picture], PackedBatch], Tensor]


def likeliest_words(
    model: PictureModel, images: Tensor, pictures: list[Picture], batch: PackedBatch
) -> Tensor:
    """The likeliest next word at every text token of the unpruned sequence `[batch, text]`."""
    return model.decoder.logits(run_packed(model, images, batch).hidden).argmax(-1)


@torch.no_grad()
def accuracy(
    model: PictureModel, seed: tuple[int, ...], count: int, predict: Predict = likeliest_words,
    *, batch: int = 8, half: bool = False,
) -> Figures:
    """Per kind: share answered right word for word, the prior, the number of questions.

    Every word of the answer must be the likeliest one given the right words before it, which is the
    same as a right answer by greedy decoding. The prior is the share of the most frequent answer.
    """
    model.eval()
    tally, device = Tally(), model.vision.positions.device
    images, pictures, asked = held_out(seed, count, model.grid)
    for start in range(0, count, batch):
        part = slice(start, start + batch)
        packed = pack(pictures[part], asked[part]).to(device)
        with half_precision(device) if half else nullcontext():
            best = predict(model, images[part].to(device), pictures[part], packed)
        tally.add(packed.questions, packed.targets, best)
    model.train()
    return tally.figures()
