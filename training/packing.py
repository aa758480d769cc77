"""Several questions on one image in one sequence, each blind to the others.

A row reads `<s> image question-1 answer-1 question-2 answer-2 ...`. Every question sees the image and
itself only, and its positions start right after the image, as if it stood there alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from questions import Question
from scenes import PATCH_LABELS, PATCHES, Scene, object_labels
from tokenizer import ANSWER_PROMPT, BOS, EOS, IMAGE, PAD, encode

IGNORE = -100
PREFIX = 1 + PATCHES  # <s> and the image tokens


@dataclass
class PackedBatch:
    """Token ids, positions, targets `[batch, tokens]`, mask `[batch, 1, tokens, tokens]`."""

    ids: Tensor
    positions: Tensor
    mask: Tensor
    targets: Tensor
    weights: Tensor
    referent_places: Tensor  # (row, token) of words that name an object, `[referents, 2]`
    referent_labels: Tensor  # the named object's classes, `[labels, referents]`
    questions: list[list[tuple[Question, int, int]]]  # with the span of its answer's targets

    def to(self, device: torch.device) -> PackedBatch:
        """The same batch on another device."""
        return moved(self, device)


Batch = TypeVar("Batch")


def moved(batch: Batch, device: torch.device) -> Batch:
    """A dataclass with its tensors on another device."""
    tensors = {name: value for name, value in vars(batch).items() if isinstance(value, Tensor)}
    return replace(batch, **{name: value.to(device, non_blocking=True) for name, value in tensors.items()})


def pack(
    scenes: list[Scene], asked: list[list[Question]], kind_weights: dict[str, float] | None = None
) -> PackedBatch:
    """Pack the questions of every scene; targets are the answers, `IGNORE` elsewhere."""
    rows, spans = [], []
    referent_places, referent_labels = [], []
    for row, (scene, questions) in enumerate(zip(scenes, asked)):
        ids, positions = [BOS] + [IMAGE] * PATCHES, list(range(PREFIX))
        segments, targets, weights = [0] * PREFIX, [IGNORE] * PREFIX, [0.0] * PREFIX
        row_spans = []
        for number, question in enumerate(questions, 1):
            start = len(ids)
            prompt = encode(f"{question.text} {ANSWER_PROMPT}")
            answer = [*encode(question.answer), EOS]
            text = prompt + answer[:-1]
            first = start + len(prompt) - 1
            ids += text
            positions += range(PREFIX, PREFIX + len(text))
            segments += [number] * len(text)
            targets += [IGNORE] * (len(prompt) - 1) + answer
            weight = (kind_weights or {}).get(question.kind, 1.0)
            weights += [weight] * len(text)
            row_spans.append((question, first, first + len(answer)))
            for word, index in question.referents:
                referent_places.append((row, start + word))
                referent_labels.append(object_labels(scene.objects[index]))
        rows.append((ids, positions, segments, targets, weights))
        spans.append(row_spans)

    ids, positions, segments, targets, weights = padded(rows)
    same = segments[:, :, None] == segments[:, None, :]
    visible = (same | (segments[:, None, :] == 0)).tril()
    return PackedBatch(
        ids, positions, visible[:, None], targets, weights,
        *referents(referent_places, referent_labels, len(PATCH_LABELS)), spans,
    )


def padded(rows: list[tuple[list, ...]]) -> list[Tensor]:
    """Ids, positions, segments, targets and weights of rows of any length, each `[batch, longest]`."""
    longest = max(len(row[0]) for row in rows)
    return [
        torch.tensor([row[column] + [filler] * (longest - len(row[column])) for row in rows])
        for column, filler in enumerate((PAD, 0, -1, IGNORE, 0.0))
    ]


def referents(
    places: list[tuple[int, int]], labels: list[tuple[int, ...]], kinds: int
) -> tuple[Tensor, Tensor]:
    """Where words name something, `[referents, 2]`, and its classes, `[kinds, referents]`."""
    return (
        torch.tensor(places or np.empty((0, 2)), dtype=torch.long),
        torch.tensor(np.array(labels, dtype=np.int64).reshape(-1, kinds).T),
    )


SQUEEZE_PROBABILITY, FEWEST_POSITIONS = 0.5, 12


def squeeze_positions(batch: PackedBatch, choice: random.Random) -> None:
    """Give half of the rows fewer positions than image tokens, in place; neighbours then share one.

    The decoder so learns to take places from the image tokens rather than from their rotary positions,
    and bears the renumbering of positions after a pruning. No token is left out.
    """
    for row in range(batch.positions.shape[0]):
        if choice.random() < SQUEEZE_PROBABILITY:
            kept = choice.randint(FEWEST_POSITIONS, PATCHES)
            steps = torch.zeros(PATCHES, dtype=torch.long)
            steps[choice.sample(range(PATCHES), kept)] = 1
            image = steps.cumsum(0).clamp(min=1)
            positions = batch.positions[row]
            batch.positions[row] = torch.where(
                positions >= PREFIX, positions - (PATCHES - kept), positions
            )
            batch.positions[row, 1:PREFIX] = image
