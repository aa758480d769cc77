"""The larger model: the same parts, on 12 x 12 or 24 x 24 patches, grown in depth evenly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from model import Decoder, DecoderShape, LabelHeads, Projector, VISION_HIDDEN, VisionEncoder, normalise
from tokenizer import BOS
from training_run import load_checkpoint

from .packing import PackedBatch
from .pictures import PATCH_LABELS
from .run import resize_positions
from .words import VOCABULARY

FIRST_LAYERS, FULL_LAYERS = 6, 16
VISION_POSITIONS = "vision.positions"


class PictureModel(nn.Module):
    """All that is trained: vision, projector, decoder and the heads that only training uses."""

    def __init__(self, shape: DecoderShape, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.vision = VisionEncoder(grid * grid)
        self.patch_heads = LabelHeads(VISION_HIDDEN, PATCH_LABELS)
        self.projector = Projector(shape.hidden_size)
        self.decoder = Decoder(shape)
        self.referent_heads = LabelHeads(shape.hidden_size, PATCH_LABELS)


def fresh_shape(layers: int) -> DecoderShape:
    """A decoder that training starts with."""
    return DecoderShape(len(VOCABULARY), num_hidden_layers=layers)


@dataclass
class Outputs:
    """What one pass over a packed batch gives."""

    states: Tensor  # vision states `[batch, patches, vision hidden]`
    features: Tensor  # image tokens `[batch, patches, hidden]`
    hidden: Tensor  # final hidden states of the text `[batch, text, hidden]`
    tapped: Tensor  # the same at three quarters of the depth


def run_packed(model: PictureModel, images: Tensor, batch: PackedBatch) -> Outputs:
    """Run the whole model; images uint8 `[batch, height, width, 3]`."""
    states = model.vision(normalise(images))
    features = model.projector(states)
    embed = model.decoder.model.embed_tokens
    start = embed(torch.full_like(batch.ids[:, :1], BOS))
    embeds = torch.cat([start, features.to(start.dtype), embed(batch.ids)], dim=1)
    tap = model.decoder.shape.num_hidden_layers * 3 // 4
    hidden, tapped = model.decoder.hidden_states(embeds, batch.positions, batch.mask, tap)
    return Outputs(states, features, hidden[:, batch.prefix :], tapped[:, batch.prefix :])


def growing_order(before: int, after: int) -> list[tuple[int, bool]]:
    """Where each layer comes from: (source layer, whether it starts silent).

    Copies are spread evenly over the depth, each right behind its source.
    """
    order = []
    for layer in range(before):
        copies = (layer + 1) * (after - before) // before - layer * (after - before) // before
        order += [(layer, False), *[(layer, True)] * copies]
    return order


def grow_layers(model: PictureModel, layers: int) -> PictureModel:
    """A deeper model that computes the same; new layers write nothing yet."""
    old = model.decoder.shape
    prefix = "decoder.model.layers."
    before = model.state_dict()
    weights = {name: value for name, value in before.items() if not name.startswith(prefix)}
    for target, (source, silent) in enumerate(growing_order(old.num_hidden_layers, layers)):
        for name in (name for name in before if name.startswith(f"{prefix}{source}.")):
            value = before[name].clone()
            if silent and name.endswith(("o_proj.weight", "down_proj.weight")):
                value.zero_()
            weights[name.replace(f"{prefix}{source}.", f"{prefix}{target}.", 1)] = value
    deeper = PictureModel(replace(old, num_hidden_layers=layers), model.grid)
    deeper.load_state_dict(weights)
    return deeper


def load_model(path: Path, grid: int | None = None) -> PictureModel:
    """The model of a checkpoint, its positions interpolated to `grid` if one is given."""
    checkpoint = load_checkpoint(path, torch.device("cpu"))
    if checkpoint is None:
        raise SystemExit(f"no checkpoint {path}; train that stage first")
    grid = grid or checkpoint["grid"]
    model = PictureModel(DecoderShape(**checkpoint["shape"]), grid)
    weights = checkpoint["model"]
    weights[VISION_POSITIONS] = resize_positions(weights[VISION_POSITIONS], grid)
    model.load_state_dict(weights)
    return model
