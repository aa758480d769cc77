"""Held-out accuracy per kind of question, and the prior it has to beat."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import nullcontext

import torch
from torch import Tensor

from model import PictureModel, run_packed
from packing import pack
from pictures import Picture, generate_pictures
from questions import FORMS, Question, ask, describe
from training_run import half_precision

QUESTIONS_PER_PICTURE = 14
Figures = dict[str, tuple[float, float, int]]
# Of each row: the questions, each with the span of its answer's targets.
Spans = list[list[tuple[Question, int, int]]]


def held_out(
    seed: tuple[int, ...], count: int
) -> tuple[Tensor, list[Picture], list[list[Question]]]:
    """Pictures with all kinds of questions; images uint8 `[count, height, width, 3]`."""
    images, pictures = generate_pictures(seed, count)
    choice = random.Random(".".join(map(str, seed)) + "/questions")
    even = dict.fromkeys(FORMS, 1.0)
    asked = [
        [*ask(picture, choice, QUESTIONS_PER_PICTURE, even), *describe(picture)] for picture in pictures
    ]
    return torch.from_numpy(images), pictures, asked


@torch.no_grad()
def accuracy(
    model: PictureModel, seed: tuple[int, ...], count: int, *, batch: int = 8, half: bool = False
) -> Figures:
    """Per kind: share answered right word for word, the prior, the number of questions.

    Every word of the answer must be the likeliest one given the right words before it, which is the
    same as a right answer by greedy decoding. The prior is the share of the most frequent answer.
    """
    model.eval()
    tally, device = Tally(), model.vision.positions.device
    images, pictures, asked = held_out(seed, count)
    for start in range(0, count, batch):
        part = slice(start, start + batch)
        packed = pack(pictures[part], asked[part]).to(device)
        with half_precision(device) if half else nullcontext():
            hidden = run_packed(model, images[part].to(device), packed).hidden
            best = model.decoder.logits(hidden).argmax(-1)
        tally.add(packed.questions, packed.targets, best)
    model.train()
    return tally.figures()


class Tally:
    """Counts right answers and all answers, per kind of question."""

    def __init__(self) -> None:
        self.right: Counter[str] = Counter()
        self.answers: dict[str, Counter[str]] = {}

    def add(self, questions: Spans, targets: Tensor, best: Tensor) -> None:
        """Count a batch; the right and the likeliest words are `[batch, tokens]`."""
        targets, best = targets.cpu(), best.cpu()
        for row, spans in enumerate(questions):
            for question, first, end in spans:
                self.answers.setdefault(question.kind, Counter())[question.answer] += 1
                same = best[row, first:end] == targets[row, first:end]
                self.right[question.kind] += bool(same.all())

    def figures(self) -> Figures:
        """Per kind: share right, share of the most frequent answer, number of questions."""
        return {
            kind: (self.right[kind] / total, counts.most_common(1)[0][1] / total, total)
            for kind, counts in sorted(self.answers.items())
            if (total := sum(counts.values()))
        }


def overall(figures: Figures) -> float:
    """Share of right answers over all questions, descriptions left out."""
    asked = [figure for kind, figure in figures.items() if kind != "describe"]
    return sum(right * total for right, _, total in asked) / sum(total for _, _, total in asked)
