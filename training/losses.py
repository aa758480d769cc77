"""The losses: answers, and the helpers: named objects and tags, word pull, and patches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from catalogue import COLOR_NAMES, DIGITS, NO_TAG, SHAPE_NAMES, TAGS
from labels import NO_COLOR, PATCH_LABELS
from model import Outputs, PictureModel
from packing import IGNORE, PackedBatch
from tokenizer import VOCABULARY

LABEL_WEIGHTS = {
    "color": 1.0, "shape": 1.0, "digit": 1.0, "center_row": 0.3, "center_column": 0.3, "middle": 1.0,
    "tag": 1.0,
}
OBJECT_WEIGHT, TAG_WEIGHT = 3.0, 6.0  # a patch of an object or a tag counts this often
REFERENT_WEIGHT, PULL_WEIGHT, PATCH_WEIGHT = 0.5, 0.3, 0.3
PULL_TEMPERATURE = 0.1
PULL = {  # the word of every class of a label; the classes behind these have none
    name: [VOCABULARY[word] for word in words]
    for name, words in (("color", COLOR_NAMES), ("shape", SHAPE_NAMES), ("digit", DIGITS), ("tag", TAGS))
}


def patch_loss(logits: list[Tensor], labels: Tensor) -> Tensor:
    """Weighted cross-entropy over all patches; labels `[labels, batch, patches]`."""
    color, tag = labels[0] != NO_COLOR, labels[-1] != NO_TAG
    weight = 1.0 + (OBJECT_WEIGHT - 1) * color + (TAG_WEIGHT - 1) * tag
    weight = (weight / weight.sum()).flatten()
    total = torch.zeros((), device=labels.device)
    for name, scores, label in zip(PATCH_LABELS, logits, labels):
        each = functional.cross_entropy(scores.float().flatten(0, 1), label.flatten(), reduction="none")
        total = total + LABEL_WEIGHTS[name] * (each * weight).sum()
    return total


def answer_loss(model: PictureModel, outputs: Outputs, batch: PackedBatch) -> Tensor:
    """Cross-entropy of the answers' words, weighted by kind."""
    chosen = batch.targets != IGNORE
    logits = model.decoder.logits(outputs.hidden[chosen]).float()
    each = functional.cross_entropy(logits, batch.targets[chosen], reduction="none")
    weights = batch.weights[chosen]
    return (each * weights).sum() / weights.sum()


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
    by_name = dict(zip(PATCH_LABELS, labels))
    for name, words in PULL.items():
        label = by_name[name]
        chosen = label < len(words)
        if chosen.any():
            cosine = functional.normalize(features[chosen].float(), dim=-1) @ embedding[words].T
            scores = cosine.float() / PULL_TEMPERATURE
            total = total + functional.cross_entropy(scores, label[chosen])
    return total / len(PULL)


def total_loss(
    model: PictureModel, outputs: Outputs, batch: PackedBatch, labels: Tensor | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Sum of the losses and each by name, detached; helpers only with labels `[labels, batch, patches]`."""
    parts = {"answer": answer_loss(model, outputs, batch)}
    if labels is not None:
        parts |= {
            "referent": REFERENT_WEIGHT * referent_loss(model, outputs, batch),
            "pull": PULL_WEIGHT * pull_loss(model, outputs.features, labels),
            "patch": PATCH_WEIGHT * patch_loss(model.patch_heads(outputs.states), labels),
        }
    total = torch.stack(list(parts.values())).sum()
    return total, {name: value.detach() for name, value in parts.items()}
