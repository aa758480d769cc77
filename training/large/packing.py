"""Several questions on one picture in one sequence, each blind to the others (see `packing.py` above)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attention import PackedMask
from packing import IGNORE, moved, padded, referents
from questions import Question
from tokenizer import EOS

from .pictures import PATCH_LABELS, Picture, object_labels, tag_labels
from .words import encode, encode_prompt


@dataclass
class PackedBatch:
    """Text behind the image: ids, segments, targets, weights `[batch, text]`; positions of the whole sequence."""

    prefix: int  # <s> and the image tokens
    ids: Tensor
    positions: Tensor
    segments: Tensor  # the question that a token is of, -1 behind the last
    targets: Tensor
    weights: Tensor
    referent_places: Tensor  # (row, text token) of words that name an object or a tag
    referent_labels: Tensor  # its classes, `[labels, referents]`
    questions: list[list[tuple[Question, int, int]]]  # with the span of its answer's targets

    @property
    def mask(self) -> PackedMask:
        """The mask of the whole sequence: text sees the image and what precedes it of its own question."""
        own = (self.segments[:, :, None] == self.segments[:, None, :]).tril()
        visible = torch.cat([own.new_ones(*own.shape[:2], self.prefix), own], dim=2)
        rows = torch.zeros(visible.shape, device=own.device).masked_fill(~visible, -torch.inf)
        return PackedMask(self.prefix, rows[:, None])

    def to(self, device: torch.device) -> PackedBatch:
        """The same batch on another device."""
        return moved(self, device)


def pack(
    pictures: list[Picture], asked: list[list[Question]], kind_weights: dict[str, float] | None = None
) -> PackedBatch:
    """Pack the questions of every picture; targets are the answers, `IGNORE` elsewhere."""
    prefix = 1 + pictures[0].grid ** 2
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
            positions += range(prefix, prefix + len(text))
            segments += [number] * len(text)
            targets += [IGNORE] * (len(prompt) - 1) + answer
            weights += [(kind_weights or {}).get(question.kind, 1.0)] * len(text)
            row_spans.append((question, first, first + len(answer)))
            for word, index in question.referents:
                referent_places.append((row, start + word))
                referent_labels.append(labels[index])
        rows.append((ids, positions, segments, targets, weights))
        spans.append(row_spans)
    ids, positions, segments, targets, weights = padded(rows)
    image = torch.arange(prefix).expand(len(rows), -1)
    return PackedBatch(
        prefix, ids, torch.cat([image, positions], dim=1), segments, targets, weights,
        *referents(referent_places, referent_labels, len(PATCH_LABELS)), spans,
    )
