"""Held-out accuracy per kind of question, and the prior it has to beat."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

from losses import run_packed
from model import SceneModel
from packing import PackedBatch, pack
from questions import FORMS, Question, ask, describe
from scenes import Scene, generate_scenes

QUESTIONS_PER_SCENE = 10
Figures = dict[str, tuple[float, float, int]]
# Of each row: the questions, each with the span of its answer's targets.
Spans = list[list[tuple[Question, int, int]]]


def held_out(
    seed: tuple[int, ...], count: int
) -> tuple[Tensor, list[Scene], list[list[Question]]]:
    """Scenes with all kinds of questions; images uint8 `[count, height, width, 3]`."""
    images, scenes = generate_scenes(seed, count)
    choice = random.Random(".".join(map(str, seed)) + "/questions")
    even = dict.fromkeys(FORMS, 1.0)
    asked = [[*ask(scene, choice, QUESTIONS_PER_SCENE, even), describe(scene)] for scene in scenes]
    return torch.from_numpy(images), scenes, asked


Predict = Callable[[SceneModel, Tensor, list[Scene], PackedBatch], Tensor]


def likeliest_words(
    model: SceneModel, images: Tensor, scenes: list[Scene], batch: PackedBatch
) -> Tensor:
    """The likeliest next word at every token of the whole, unpruned sequence `[batch, tokens]`."""
    return model.decoder.logits(run_packed(model, images, batch).hidden).argmax(-1)


@torch.no_grad()
def accuracy(
    model: SceneModel,
    seed: tuple[int, ...],
    count: int,
    predict: Predict = likeliest_words,
    batch: int = 32,
) -> Figures:
    """Per kind: share answered right word for word, the prior, the number of questions.

    Every word of the answer must be the likeliest one given the right words before it, which is the
    same as a right answer by greedy decoding. The prior is the share of the most frequent answer.
    """
    model.eval()
    device = model.vision.positions.device
    images, scenes, asked = held_out(seed, count)
    tally = Tally()
    for start in range(0, count, batch):
        part = slice(start, start + batch)
        packed = pack(scenes[part], asked[part]).to(device)
        best = predict(model, images[part].to(device), scenes[part], packed)
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
