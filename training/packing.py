"""Several questions on one picture in one sequence, each blind to the others.

A row reads `<s> image question-1 answer-1 question-2 answer-2 ...`. Every question sees the image and
itself only, and its positions start right after the image, as if it stood there alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from attention import PackedMask
from drawing import GRID
from labels import PATCH_LABELS, object_labels, tag_labels
from pictures import Picture
from questions import Question
from tokenizer import EOS, PAD, encode, encode_prompt

IGNORE = -100
PREFIX = 1 + GRID * GRID  # <s> and the image tokens


@dataclass
class PackedBatch:
    """Text behind the image: ids, segments, targets, weights `[batch, text]`; positions of the whole sequence."""

    ids: Tensor
    positions: Tensor
    segments: Tensor  # the question that a token is of, -1 behind the last
    targets: Tensor
    weights: Tensor
    referent_places: Tensor  # (row, text token) of words that name an object or a tag
    referent_labels: Tensor  # its classes, `[labels, referents]`
    questions: list[list[tuple[Question, int, int]]]  # with the span of its answer's targets
    prefix: int = PREFIX  # <s> and the image tokens that are there

    @property
    def mask(self) -> PackedMask:
        """The mask of the whole sequence: text sees the image and what precedes it of its own question."""
        own = (self.segments[:, :, None] == self.segments[:, None, :]).tril()
        visible = torch.cat([own.new_ones(*own.shape[:2], self.prefix), own], dim=2)
        rows = torch.zeros(visible.shape, device=own.device).masked_fill(~visible, -torch.inf)
        return PackedMask(self.prefix, rows[:, None])

    def with_image_tokens(self, count: int) -> PackedBatch:
        """The same questions behind fewer image tokens; positions are counted over those."""
        start = torch.arange(1 + count, device=self.positions.device).expand(len(self.positions), -1)
        text = self.positions[:, self.prefix :] - (self.prefix - 1 - count)
        return replace(self, positions=torch.cat([start, text], dim=1), prefix=1 + count)

    def to(self, device: torch.device) -> PackedBatch:
        """The same batch on another device."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **{name: value.to(device, non_blocking=True) for name, value in tensors.items()})


def pack(
    pictures: list[Picture], asked: list[list[Question]], kind_weights: dict[str, float] | None = None
) -> PackedBatch:
    """Pack the questions of every picture; targets are the answers, `IGNORE` elsewhere."""
    rows, spans, referent_places, referent_labels = [], [], [], []
    for row, (picture, questions) in enumerate(zip(pictures, asked)):
        labels = [*map(object_labels, picture.objects), *map(tag_labels, picture.tags)]
        ids: list[int] = []
        positions, segments, targets, weights, row_spans = [], [], [], [], []
        for number, question in enumerate(questions):
            start = len(ids)
            prompt, answer = encode_prompt(question.text), [*encode(question.answer), EOS]
            text = prompt + answer[:-1]
            first = start + len(prompt) - 1
            ids += text
            positions += range(PREFIX, PREFIX + len(text))
            segments += [number] * len(text)
            targets += [IGNORE] * (len(prompt) - 1) + answer
            weights += [(kind_weights or {}).get(question.kind, 1.0)] * len(text)
            row_spans.append((question, first, first + len(answer)))
            for word, index in question.referents:
                referent_places.append((row, start + word))
                referent_labels.append(labels[index])
        rows.append((ids, positions, segments, targets, weights))
        spans.append(row_spans)
    ids, positions, segments, targets, weights = _padded(rows)
    image = torch.arange(PREFIX).expand(len(rows), -1)
    return PackedBatch(
        ids, torch.cat([image, positions], dim=1), segments, targets, weights,
        *_referents(referent_places, referent_labels), spans,
    )


def _padded(rows: list[tuple[list, ...]]) -> list[Tensor]:
    """Ids, positions, segments, targets and weights of rows of any length, each `[batch, longest]`."""
    longest = max(len(row[0]) for row in rows)
    return [
        torch.tensor([row[column] + [filler] * (longest - len(row[column])) for row in rows])
        for column, filler in enumerate((PAD, 0, -1, IGNORE, 0.0))
    ]


def _referents(places: list[tuple[int, int]], labels: list[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
    """Where words name something, `[referents, 2]`, and its classes, `[labels, referents]`."""
    return (
        torch.tensor(places or np.empty((0, 2)), dtype=torch.long),
        torch.tensor(np.array(labels, dtype=np.int64).reshape(-1, len(PATCH_LABELS)).T),
    )
