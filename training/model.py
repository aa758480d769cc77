"""The whole model: vision encoder, projector and decoder, and one pass of a packed batch through it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from decoder import Decoder, DecoderShape
from packing import PackedBatch
from tokenizer import BOS, VOCABULARY
from training_run import load_checkpoint
from vision import LabelHeads, LabelledVision, Projector, normalise

SHAPE = DecoderShape(len(VOCABULARY))


class PictureModel(LabelledVision):
    """All that is trained; `patch_heads` and `referent_heads` are used in training only."""

    def __init__(self, shape: DecoderShape = SHAPE) -> None:
        super().__init__()
        self.projector = Projector(shape.hidden_size)
        self.decoder = Decoder(shape)
        self.referent_heads = LabelHeads(shape.hidden_size)


@dataclass
class Outputs:
    """What one pass over a packed batch gives."""

    states: Tensor  # vision states `[batch, patches, vision hidden]`
    features: Tensor  # image tokens `[batch, patches, hidden]`
    hidden: Tensor  # final hidden states of the text `[batch, text, hidden]`
    tapped: Tensor  # the same at three quarters of the depth


def run_packed(
    model: PictureModel, images: Tensor, batch: PackedBatch, patches: Tensor | None = None
) -> Outputs:
    """Run the whole model; images uint8 `[batch, height, width, 3]`.

    The decoder sees all patches of a picture, or those at `patches`, `[batch, image tokens]`.
    """
    states = model.vision(normalise(images))
    features = model.projector(states)
    if patches is not None:
        features = features.take_along_dim(patches[..., None], dim=1)
        batch = batch.with_image_tokens(patches.shape[1])
    embed = model.decoder.model.embed_tokens
    start = embed(torch.full_like(batch.ids[:, :1], BOS))
    embeds = torch.cat([start, features.to(start.dtype), embed(batch.ids)], dim=1)
    tap = model.decoder.shape.num_hidden_layers * 3 // 4
    hidden, tapped = model.decoder.hidden_states(embeds, batch.positions, batch.mask, tap)
    return Outputs(states, features, hidden[:, batch.prefix :], tapped[:, batch.prefix :])


def load_model(path: Path) -> PictureModel:
    """The model of a decoder stage's checkpoint, on the CPU."""
    checkpoint = load_checkpoint(path)
    if checkpoint is None:
        raise SystemExit(f"no checkpoint {path}; train that stage first")
    model = PictureModel(DecoderShape(**checkpoint["shape"]))
    model.load_state_dict(checkpoint["model"])
    return model
