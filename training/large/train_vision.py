"""Stages 1 and 3: train the vision encoder on the dense label of every patch.

    python -m large.train_vision --minutes 12                       # 12 x 12, from nothing
    python -m large.train_vision --grid 24 --minutes 4 --rate 6e-4  # 24 x 24, from small.pt
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from model import LabelHeads, VISION_HIDDEN, VisionEncoder, normalise
from training_run import Progress, add_run_option, load_checkpoint, log, save_checkpoint

from .pictures import FULL_GRID, PATCH_LABELS, SMALL_GRID, generate_pictures, patch_labels
from .run import VISION_SEEDS, checkpoint_folder, half_precision, resize_positions

HELD_OUT_SEED = (190, 1)
LABEL_WEIGHTS = {
    "color": 1.0, "shape": 1.0, "digit": 1.0, "center_row": 0.3, "center_column": 0.3, "middle": 1.0,
    "tag": 1.0,
}
OBJECT_WEIGHT, TAG_WEIGHT = 3.0, 6.0  # a patch of an object or a tag counts this often


def patch_loss(logits: list[Tensor], labels: Tensor) -> Tensor:
    """Weighted cross-entropy over all patches; labels `[labels, batch, patches]`."""
    color, tag = labels[0] != PATCH_LABELS["color"] - 1, labels[-1] != PATCH_LABELS["tag"] - 1
    weight = 1.0 + (OBJECT_WEIGHT - 1) * color + (TAG_WEIGHT - 1) * tag
    weight = (weight / weight.sum()).flatten()
    total = torch.zeros((), device=labels.device)
    for name, scores, label in zip(PATCH_LABELS, logits, labels):
        each = functional.cross_entropy(scores.float().flatten(0, 1), label.flatten(), reduction="none")
        total = total + LABEL_WEIGHTS[name] * (each * weight).sum()
    return total


@torch.no_grad()
def patch_accuracy(vision: VisionEncoder, heads: LabelHeads, grid: int, count: int = 128) -> dict:
    """Share of right labels on object patches (tags: on tag patches) of held-out pictures."""
    vision.eval()
    images, pictures = generate_pictures(HELD_OUT_SEED, count, grid)
    labels = torch.from_numpy(patch_labels(pictures))
    best = []
    for start in range(0, count, 32):
        with half_precision(labels.device):
            logits = heads(vision(normalise(torch.from_numpy(images[start : start + 32]))))
        best.append(torch.stack([scores.argmax(-1) for scores in logits]))
    vision.train()
    same = torch.cat(best, dim=1) == labels
    objects, tags = labels[0] != PATCH_LABELS["color"] - 1, labels[-1] != PATCH_LABELS["tag"] - 1
    return {
        name: round(same[index][tags if name == "tag" else objects].float().mean().item(), 3)
        for index, name in enumerate(PATCH_LABELS)
    }


def load_vision(path: Path, grid: int) -> tuple[VisionEncoder, LabelHeads, dict] | None:
    """Encoder and heads of any stage's checkpoint, positions interpolated to `grid`."""
    checkpoint = load_checkpoint(path, torch.device("cpu"))
    if checkpoint is None:
        return None
    parts = [checkpoint.get("vision"), checkpoint.get("heads")]
    if "model" in checkpoint:  # of a decoder stage
        parts = [
            {name.removeprefix(part): v for name, v in checkpoint["model"].items() if name.startswith(part)}
            for part in ("vision.", "patch_heads.")
        ]
    vision, heads = VisionEncoder(grid * grid), LabelHeads(VISION_HIDDEN, PATCH_LABELS)
    parts[0]["positions"] = resize_positions(parts[0]["positions"], grid)
    vision.load_state_dict(parts[0])
    heads.load_state_dict(parts[1])
    return vision, heads, checkpoint


def main() -> None:
    """Train or resume; writes `vision-12.pt` or `vision-24.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=int, default=SMALL_GRID, choices=(SMALL_GRID, FULL_GRID))
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--steps", type=int, help="train this many steps instead of by the clock")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    add_run_option(parser)
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    grid, folder = arguments.grid, checkpoint_folder(arguments.name)
    path = folder / f"vision-{grid}.pt"
    progress = Progress(arguments.minutes, arguments.steps)
    resumed = load_vision(path, grid)
    found = resumed
    if found is None and grid == FULL_GRID:
        found = load_vision(folder / "small.pt", grid)
        if found is None:
            raise SystemExit("train the decoder at 12 x 12 first")
    if found is None:
        found = VisionEncoder(grid * grid), LabelHeads(VISION_HIDDEN, PATCH_LABELS), {}
    vision, heads, checkpoint = found
    vision = vision.to(memory_format=torch.channels_last)
    parameters = [*vision.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=arguments.rate, weight_decay=0.02)
    if resumed:
        optimizer.load_state_dict(checkpoint["optimizer"])
        progress.resume(checkpoint["progress"])

    def save() -> None:
        state = {"vision": vision.state_dict(), "heads": heads.state_dict()}
        state |= {"optimizer": optimizer.state_dict(), "progress": progress.state()}
        save_checkpoint(path, state)

    stage = f"vision-{grid}"
    vision.train()
    while not progress.finished:
        rate = arguments.rate * min(1, (progress.step + 1) / 50)
        rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress.fraction))
        for group in optimizer.param_groups:
            group["lr"] = rate
        seed = (arguments.seed, VISION_SEEDS[grid], progress.step)
        images, pictures = generate_pictures(seed, arguments.batch, grid)
        labels = torch.from_numpy(patch_labels(pictures))
        with half_precision(labels.device):
            logits = heads(vision(normalise(torch.from_numpy(images))))
        loss = patch_loss(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        progress.advance()
        if progress.due(90):
            save()
            log(stage, progress, loss=round(loss.item(), 3), **patch_accuracy(vision, heads, grid))
    save()
    log(stage, progress, done=True, **patch_accuracy(vision, heads, grid, 192))


if __name__ == "__main__":
    main()
