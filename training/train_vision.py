"""Stage 1: train the vision encoder on the dense label of every patch.

    python -m train_vision --minutes 10
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import count

import torch

from batches import LabelledPictures, drawn
from catalogue import NO_TAG
from labels import NO_COLOR, PATCH_LABELS
from losses import patch_loss
from training_run import (
    Progress, VISION_SEED, add_training_options, checkpoint_path, cosine, half_precision,
    load_checkpoint, log, pick_device, save_checkpoint,
)
from vision import LabelledVision, normalise

HELD_OUT_SEED = (190, 1)
EVALUATION_BATCH = 32
WARM_UP = 50  # steps
SAVE_SECONDS = 90


@torch.no_grad()
def patch_accuracy(model: LabelledVision, amount: int) -> dict[str, float]:
    """Share of right labels on object patches (tags: on tag patches) of held-out pictures.

    There are `amount` of them, rounded up to whole batches.
    """
    device = model.vision.positions.device
    model.eval()
    pictures = LabelledPictures(HELD_OUT_SEED, EVALUATION_BATCH)
    batches = [pictures[index].to(device) for index in range(-(-amount // EVALUATION_BATCH))]
    best = []
    for images, _ in batches:
        with half_precision(device):
            scores = model.patch_heads(model.vision(normalise(images)))
        best.append(torch.stack([each.argmax(-1) for each in scores]))
    model.train()
    labels = torch.cat([labels for _, labels in batches], dim=1)
    same = torch.cat(best, dim=1) == labels
    objects, tags = labels[0] != NO_COLOR, labels[-1] != NO_TAG
    return {
        name: round(same[index][tags if name == "tag" else objects].float().mean().item(), 3)
        for index, name in enumerate(PATCH_LABELS)
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Train or resume; writes `checkpoints/vision.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_training_options(parser, minutes=10, batch=32, rate=2e-3, pictures=192)
    arguments = parser.parse_args(argv)

    torch.manual_seed(arguments.seed)
    device, path = pick_device(), checkpoint_path(arguments.name, "vision")
    progress = Progress(arguments.minutes, arguments.steps)
    model = LabelledVision().to(device)
    model.vision.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, weight_decay=0.02)
    checkpoint = load_checkpoint(path)
    if checkpoint:
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        progress.resume(checkpoint["progress"])

    def save(**figures: object) -> None:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        save_checkpoint(path, state | {"progress": progress.state()})
        if arguments.pictures:
            log("vision", progress, **figures, **patch_accuracy(model, arguments.pictures))

    pictures = LabelledPictures((arguments.seed, VISION_SEED), arguments.batch)
    ready = drawn(pictures, count(progress.step), arguments.workers)
    model.train()
    while not progress.finished:
        factor = min(1, (progress.step + 1) / WARM_UP) * cosine(progress.fraction)
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * factor
        images, labels = next(ready).to(device)
        with half_precision(device):
            scores = model.patch_heads(model.vision(normalise(images)))
        loss = patch_loss(scores, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        progress.advance()
        if progress.due(SAVE_SECONDS):
            save(loss=loss.detach())
    save()


if __name__ == "__main__":
    main()
