"""Stage 1: train the vision encoder on the dense label of every patch.

    python -m train_vision --minutes 8
"""

from __future__ import annotations

import argparse
import math

import torch
from torch import Tensor
from torch.nn import functional

from model import LabelHeads, VISION_HIDDEN, VisionEncoder, normalise
from scenes import PATCH_LABELS, generate_scenes, patch_labels
from training_run import (
    CHECKPOINTS, Progress, VISION_SEED, add_run_option, load_checkpoint, log, pick_device,
    save_checkpoint,
)

HELD_OUT_SEED = (90, 1)
LABEL_WEIGHTS = {"color": 1.0, "shape": 1.0, "digit": 1.0, "center_row": 0.5, "center_column": 0.5}
OBJECT_WEIGHT = 3.0  # a patch of an object counts this often; background is the majority


def patch_loss(logits: list[Tensor], labels: Tensor) -> Tensor:
    """Weighted cross-entropy over all patches; labels `[labels, batch, patches]`."""
    background = PATCH_LABELS["color"] - 1
    weight = torch.where(labels[0] == background, 1.0, OBJECT_WEIGHT)
    weight = weight / weight.sum()
    total = torch.zeros((), device=labels.device)
    for name, scores, label in zip(PATCH_LABELS, logits, labels):
        each = functional.cross_entropy(scores.flatten(0, 1), label.flatten(), reduction="none")
        total = total + LABEL_WEIGHTS[name] * (each * weight.flatten()).sum()
    return total


@torch.no_grad()
def object_patch_accuracy(vision: VisionEncoder, heads: LabelHeads, count: int = 256) -> dict:
    """Share of right labels on object patches of held-out scenes."""
    vision.eval()
    device = vision.positions.device
    images, scenes = generate_scenes(HELD_OUT_SEED, count)
    labels = torch.from_numpy(patch_labels(scenes)).to(device)
    logits = heads(vision(normalise(torch.from_numpy(images).to(device))))
    covered = labels[0] != PATCH_LABELS["color"] - 1
    vision.train()
    return {
        name: round((scores.argmax(-1) == label)[covered].float().mean().item(), 3)
        for name, scores, label in zip(PATCH_LABELS, logits, labels)
    }


def main() -> None:
    """Train or resume; writes `checkpoints/vision.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--steps", type=int, help="train this many steps instead of by the clock")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    add_run_option(parser)
    arguments = parser.parse_args()

    device = pick_device()
    torch.manual_seed(arguments.seed)
    vision, heads = VisionEncoder().to(device), LabelHeads(VISION_HIDDEN).to(device)
    vision = vision.to(memory_format=torch.channels_last)
    parameters = [*vision.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=arguments.rate, weight_decay=0.02)
    path = CHECKPOINTS / arguments.name / "vision.pt"
    progress = Progress(arguments.minutes, arguments.steps)
    checkpoint = load_checkpoint(path, device)
    if checkpoint:
        vision.load_state_dict(checkpoint["vision"])
        heads.load_state_dict(checkpoint["heads"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        progress.resume(checkpoint["progress"])

    def save() -> None:
        state = {"vision": vision.state_dict(), "heads": heads.state_dict()}
        state |= {"optimizer": optimizer.state_dict(), "progress": progress.state()}
        save_checkpoint(path, state)

    while not progress.finished:
        fraction = progress.fraction
        rate = arguments.rate * min(1, (progress.step + 1) / 50)
        rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fraction))
        for group in optimizer.param_groups:
            group["lr"] = rate
        images, scenes = generate_scenes((arguments.seed, VISION_SEED, progress.step), arguments.batch)
        labels = torch.from_numpy(patch_labels(scenes)).to(device)
        states = vision(normalise(torch.from_numpy(images).to(device)))
        loss = patch_loss(heads(states), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        progress.advance()
        if progress.due(60):
            save()
            log("vision", progress, loss=round(loss.item(), 3), **object_patch_accuracy(vision, heads))
    save()
    log("vision", progress, done=True, **object_patch_accuracy(vision, heads, 1024))


if __name__ == "__main__":
    main()
