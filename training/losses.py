"""The decoder stage's losses: answers, named objects, word pull, and patches as in stage 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from model import SceneModel, normalise
from packing import IGNORE, PREFIX, PackedBatch
from scenes import COLOR_NAMES, NO_DIGIT, SHAPE_NAMES
from tokenizer import DIGITS, VOCABULARY
from train_vision import patch_loss

REFERENT_WEIGHT, PULL_WEIGHT, PATCH_WEIGHT = 0.5, 0.3, 0.3
PULL_TEMPERATURE = 0.1
PULL_WORDS = [[VOCABULARY[word] for word in words] for words in (COLOR_NAMES, SHAPE_NAMES, DIGITS)]


@dataclass
class Outputs:
    """What one pass over a packed batch gives."""

    states: Tensor  # vision states `[batch, patches, vision hidden]`
    features: Tensor  # image tokens `[batch, patches, hidden]`
    hidden: Tensor  # final hidden states `[batch, tokens, hidden]`
    tapped: Tensor  # hidden states at three quarters of the depth


def run_packed(model: SceneModel, images: Tensor, batch: PackedBatch) -> Outputs:
    """Run the whole model; images uint8 `[batch, height, width, 3]`."""
    states = model.vision(normalise(images))
    features = model.projector(states)
    words = model.decoder.model.embed_tokens(batch.ids)
    embeds = torch.cat([words[:, :1], features, words[:, PREFIX:]], dim=1)
    mask = torch.zeros(batch.mask.shape, device=embeds.device).masked_fill(~batch.mask, -torch.inf)
    tap = model.decoder.shape.num_hidden_layers * 3 // 4
    hidden, tapped = model.decoder.hidden_states(embeds, batch.positions, mask, tap)
    return Outputs(states, features, hidden, tapped)


def answer_loss(model: SceneModel, outputs: Outputs, batch: PackedBatch) -> Tensor:
    """Cross-entropy of the answers' words, weighted by kind."""
    chosen = batch.targets != IGNORE
    logits = model.decoder.logits(outputs.hidden[chosen]).float()
    each = functional.cross_entropy(logits, batch.targets[chosen], reduction="none")
    weights = batch.weights[chosen]
    return (each * weights).sum() / weights.sum()


def referent_loss(model: SceneModel, outputs: Outputs, batch: PackedBatch) -> Tensor:
    """At a word that names an object, all of that object's properties must be readable."""
    rows, tokens = batch.referent_places.T
    logits = model.referent_heads(outputs.tapped[rows, tokens])
    losses = [functional.cross_entropy(s, l) for s, l in zip(logits, batch.referent_labels)]
    return torch.stack(losses).mean()


def pull_loss(model: SceneModel, features: Tensor, labels: Tensor) -> Tensor:
    """Image tokens should resemble the embeddings of their colour, shape and digit words."""
    embedding = functional.normalize(model.decoder.model.embed_tokens.weight, dim=-1)
    limits = (len(COLOR_NAMES), len(SHAPE_NAMES), NO_DIGIT)
    total = features.new_zeros(())
    for words, label, limit in zip(PULL_WORDS, labels, limits):
        chosen = label < limit
        cosine = functional.normalize(features[chosen], dim=-1) @ embedding[words].T
        total = total + functional.cross_entropy(cosine / PULL_TEMPERATURE, label[chosen])
    return total / len(PULL_WORDS)


def total_loss(
    model: SceneModel, outputs: Outputs, batch: PackedBatch, labels: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Sum of all losses and each by name; labels `[labels, batch, patches]`."""
    parts = {
        "answer": answer_loss(model, outputs, batch),
        "referent": REFERENT_WEIGHT * referent_loss(model, outputs, batch),
        "pull": PULL_WEIGHT * pull_loss(model, outputs.features, labels),
        "patch": PATCH_WEIGHT * patch_loss(model.patch_heads(outputs.states), labels),
    }
    return summed(parts)


def summed(parts: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of losses, and each by name, detached."""
    total = torch.stack(list(parts.values())).sum()
    return total, {name: value.detach() for name, value in parts.items()}
