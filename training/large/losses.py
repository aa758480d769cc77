"""The decoder stages' losses: answers, named objects and tags, word pull, and patches as in stage 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from losses import (
    PATCH_WEIGHT, PULL_TEMPERATURE, PULL_WEIGHT, REFERENT_WEIGHT, answer_loss, summed,
)
from scenes import COLOR_NAMES, NO_DIGIT
from tokenizer import DIGITS

from .model import Outputs, PictureModel
from .packing import PackedBatch
from .pictures import NO_TAG, PATCH_LABELS, SHAPE_NAMES, TAGS
from .train_vision import LABEL_WEIGHTS, patch_loss
from .words import VOCABULARY

PULL = [
    (0, [VOCABULARY[word] for word in COLOR_NAMES], len(COLOR_NAMES)),
    (1, [VOCABULARY[word] for word in SHAPE_NAMES], len(SHAPE_NAMES)),
    (2, [VOCABULARY[word] for word in DIGITS], NO_DIGIT),
    (6, [VOCABULARY[word] for word in TAGS], NO_TAG),
]


def referent_loss(model: PictureModel, outputs: Outputs, batch: PackedBatch) -> Tensor:
    """At a word that names an object or a tag, all of its properties must be readable."""
    rows, tokens = batch.referent_places.T
    logits = model.referent_heads(outputs.tapped[rows, tokens])
    losses = [
        LABEL_WEIGHTS[name] * functional.cross_entropy(scores.float(), label)
        for name, scores, label in zip(PATCH_LABELS, logits, batch.referent_labels)
    ]
    return torch.stack(losses).sum() / sum(LABEL_WEIGHTS.values())


def pull_loss(model: PictureModel, features: Tensor, labels: Tensor) -> Tensor:
    """Image tokens should resemble the embeddings of their colour, shape, number and tag words."""
    embedding = functional.normalize(model.decoder.model.embed_tokens.weight, dim=-1)
    total = torch.zeros((), device=labels.device)
    for row, words, limit in PULL:
        chosen = labels[row] < limit
        if chosen.any():
            cosine = functional.normalize(features[chosen].float(), dim=-1) @ embedding[words].T
            scores = cosine.float() / PULL_TEMPERATURE
            total = total + functional.cross_entropy(scores, labels[row][chosen])
    return total / len(PULL)


def total_loss(
    model: PictureModel, outputs: Outputs, batch: PackedBatch, labels: Tensor | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Sum of all losses and each by name; labels `[labels, batch, patches]`, without them the answers' alone."""
    if labels is None:
        return summed({"answer": answer_loss(model, outputs, batch)})
    parts = {
        "answer": answer_loss(model, outputs, batch),
        "referent": REFERENT_WEIGHT * referent_loss(model, outputs, batch),
        "pull": PULL_WEIGHT * pull_loss(model, outputs.features, labels),
        "patch": PATCH_WEIGHT * patch_loss(model.patch_heads(outputs.states), labels),
    }
    return summed(parts)
