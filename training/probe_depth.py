"""Where in its depth the decoder reads the image: accuracy when tokens go after each layer.

    python -m probe_depth --checkpoint decoder-deep

Prunes blindly (random tokens, or by the truth: object or background patches first) and renumbers the
positions. It tells after which layers a choice of tokens can matter at all; it judges no method.
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
from torch import Tensor

from accuracy import accuracy, likeliest_words, overall
from model import SceneModel, normalise, rope_tables
from packing import PREFIX, PackedBatch
from scenes import PATCHES, Scene
from train_decoder import load_model
from training_run import CHECKPOINTS, add_run_option, pick_device

PROBE_SEED = (90, 6)


def choose_tokens(scenes: list[Scene], keep: int, first: str) -> Tensor:
    """Places of the image tokens that stay, in order `[batch, keep]`; `<s>` is place 0."""
    score = torch.rand(len(scenes), PATCHES, generator=torch.Generator().manual_seed(0))
    if first != "random":
        covered = torch.stack([torch.from_numpy(s.patch_objects.reshape(-1) >= 0) for s in scenes])
        score = score + (covered if first == "objects" else ~covered)
    return score.topk(keep).indices.sort().values + 1


def pruned_words(
    model: SceneModel, images: Tensor, scenes: list[Scene], batch: PackedBatch,
    *, layer: int, keep: int, first: str,
) -> Tensor:
    """The likeliest words `[batch, tokens]` when only `keep` image tokens go on after `layer`."""
    decoder, device = model.decoder, images.device
    words = decoder.model.embed_tokens(batch.ids)
    features = model.projector(model.vision(normalise(images)))
    hidden = torch.cat([words[:, :1], features, words[:, PREFIX:]], dim=1)
    rows, tokens = batch.ids.shape
    mask, positions = batch.mask, batch.positions
    chosen = choose_tokens(scenes, keep, first).to(device)
    text = torch.arange(PREFIX, tokens, device=device).expand(rows, -1)
    stay = torch.cat([torch.zeros_like(chosen[:, :1]), chosen, text], dim=1)
    for index, block in enumerate(decoder.model.layers):
        if index == layer:
            hidden = hidden.gather(1, stay[..., None].expand(-1, -1, hidden.shape[-1]))
            mask = mask.gather(2, stay[:, None, :, None].expand(-1, 1, -1, tokens))
            mask = mask.gather(3, stay[:, None, None, :].expand(-1, 1, stay.shape[1], -1))
            image = torch.arange(keep + 1, device=device).expand(rows, -1)
            positions = torch.cat([image, positions[:, PREFIX:] - (PATCHES - keep)], dim=1)
        shape = decoder.shape
        hidden = block(hidden, rope_tables(positions, shape.head_dim, shape.rope_theta), mask)
    best = decoder.logits(decoder.model.norm(hidden)).argmax(-1)
    # The last prompt word predicts the answer, so text places are all that is asked for.
    return torch.zeros_like(batch.ids).scatter(1, stay, best)


def main() -> None:
    """Print one row per layer after which tokens are pruned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="decoder-deep")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--keep", type=int, default=18, help="image tokens that stay, of 144")
    add_run_option(parser)
    arguments = parser.parse_args()

    model = load_model(CHECKPOINTS / arguments.name / f"{arguments.checkpoint}.pt", pick_device())
    whole = accuracy(model, PROBE_SEED, arguments.scenes, likeliest_words)
    print(f"unpruned: questions {overall(whole):.3f}, descriptions {whole['describe'][0]:.3f}\n")
    print("| pruned after layer | objects first | random | background first | random, descriptions |")
    print("|-|-|-|-|-|")
    for layer in range(model.decoder.shape.num_hidden_layers):
        figures = {
            first: accuracy(
                model, PROBE_SEED, arguments.scenes,
                partial(pruned_words, layer=layer, keep=arguments.keep, first=first),
            )
            for first in ("objects", "random", "background")
        }
        cells = " | ".join(f"{overall(value):.3f}" for value in figures.values())
        print(f"| {layer} | {cells} | {figures['random']['describe'][0]:.3f} |", flush=True)


if __name__ == "__main__":
    main()
