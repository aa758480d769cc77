"""The decoder's stages, on packed questions and descriptions.

    python -m train_decoder --stage joint --minutes 10 --workers 15    # vision trained along, with helper losses
    python -m train_decoder --stage answers --minutes 10 --workers 15  # frozen vision, loss on the answers alone
    python -m train_decoder --stage subsets --rate 7e-4 --minutes 10   # goes on with some of the image tokens

The first two make a decoder of 16 layers from nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from accuracy import accuracy, overall
from batches import AskedPictures, Order, drawn
from drawing import GRID
from losses import total_loss
from model import PictureModel, load_model, run_packed
from questions import FORMS
from training_run import (
    DECODER_SEED, Progress, add_training_options, checkpoint_path, cosine, half_precision,
    load_checkpoint, log, pick_device, save_checkpoint,
)

HELD_OUT_SEED = (190, 2)
STAGE_BEFORE = {"joint": "vision", "answers": "joint", "subsets": "answers"}
SHIPPED_VISION = Path(__file__).parent / "vision.safetensors"
SHIPPED_DECODER = Path(__file__).parent.parent / "packages/embedded-model/model/weights/decoder.safetensors"
QUESTIONS = 18  # a picture, besides its three descriptions
DESCRIBE_FIRST, DESCRIBE_LAST = 0.7, 0.3  # weight of a description's word at the start of a run and at its end
VISION_RATE = 0.25  # of the decoder's learning rate
WARM_UP = 100  # steps
WEIGHT_FLOOR = 0.15  # a kind's share in the mix is this plus its held-out error
SAVE_SECONDS = 150
FEWEST, MOST = 0.05, 0.9  # share of the image tokens that a step of stage `subsets` sees
ALL_FROM = 0.8  # of stage `subsets`: until then one of four steps sees all image tokens, then three of four


def shipped_weights() -> dict[str, torch.Tensor]:
    """What ships, under the names of `PictureModel`."""
    decoder = load_file(SHIPPED_DECODER)
    del decoder["lm_head.weight"]  # the embedding, written out
    return load_file(SHIPPED_VISION) | {f"decoder.{name}": value for name, value in decoder.items()}


def first_model(stage: str, name: str) -> PictureModel:
    """What a stage starts from, by the stage before or else by what ships.

    Stage `subsets` goes on with the whole model; the others take the vision encoder and a fresh decoder.
    """
    before = load_checkpoint(checkpoint_path(name, STAGE_BEFORE[stage]))
    weights = before["model"] if before else shipped_weights()
    model = PictureModel()
    if stage == "subsets":
        model.load_state_dict({**model.state_dict(), **weights})
    else:
        model.adopt_vision(weights)
    return model


def seen_patches(pictures: int, step: int, fraction: float, seed: int) -> torch.Tensor | None:
    """Random patches of every picture in their order, `[pictures, count]`, or None for all of them.

    How many is drawn for each step anew, small and large shares alike, and is the same for its pictures.
    """
    if (step % 4 == 0) != (fraction >= ALL_FROM):
        return None
    draw = torch.Generator().manual_seed(1_000_003 * seed + step)
    share = FEWEST * (MOST / FEWEST) ** torch.rand((), generator=draw).item()
    order = torch.rand(pictures, GRID * GRID, generator=draw)
    return order.topk(round(share * GRID * GRID), dim=1).indices.sort(dim=1).values


def make_optimizer(model: PictureModel, rate: float) -> torch.optim.Optimizer:
    """AdamW with a lower rate for the vision encoder, which is trained already."""
    vision = [*model.vision.parameters(), *model.patch_heads.parameters()]
    known = {id(parameter) for parameter in vision}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in known]
    groups = [{"params": rest, "scale": 1.0}, {"params": vision, "scale": VISION_RATE}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), weight_decay=0.02)


def rate_factor(step: int, fraction: float) -> float:
    """Warm-up, constant for half of the run, then cosine to almost nothing."""
    return min(1.0, (step + 1) / WARM_UP) * cosine(max(0.0, (fraction - 0.5) / 0.5))


def orders(progress: Progress, mix: dict[str, float]) -> Iterator[Order]:
    """What the batch of every further step depends on; `mix` may change on the way."""
    step = progress.step
    while True:
        weight = DESCRIBE_FIRST + progress.at(step) * (DESCRIBE_LAST - DESCRIBE_FIRST)
        yield Order(step, weight, dict(mix))
        step += 1


def main(argv: Sequence[str] | None = None) -> None:
    """Train or resume; writes the stage's checkpoint, such as `checkpoints/answers.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", choices=STAGE_BEFORE, required=True)
    add_training_options(parser, minutes=30, batch=64, rate=1.5e-3, pictures=64)
    parser.add_argument("--evaluate-every", type=int, default=500, metavar="STEPS")
    arguments = parser.parse_args(argv)

    stage, device = arguments.stage, pick_device()
    torch.manual_seed(arguments.seed)
    path = checkpoint_path(arguments.name, stage)
    progress = Progress(arguments.minutes, arguments.steps)
    mix = dict.fromkeys(FORMS, 1.0)
    checkpoint = load_checkpoint(path)
    model = (load_model(path) if checkpoint else first_model(stage, arguments.name)).to(device)
    model.vision.to(memory_format=torch.channels_last)
    model.vision.requires_grad_(stage == "joint")
    optimizer = make_optimizer(model, arguments.rate)
    if checkpoint:
        optimizer.load_state_dict(checkpoint["optimizer"])
        progress.resume(checkpoint["progress"])
        mix = checkpoint["mix"]

    def save() -> None:
        state = {"model": model.state_dict(), "shape": model.decoder.shape.to_dict()}
        state |= {"optimizer": optimizer.state_dict(), "progress": progress.state(), "mix": mix}
        save_checkpoint(path, state)

    def evaluate(count: int) -> None:
        figures = accuracy(model, HELD_OUT_SEED, count, half=True)
        mix.update({kind: WEIGHT_FLOOR + 1 - figures[kind][0] for kind in FORMS})
        shares = {kind: round(value[0], 3) for kind, value in figures.items()}
        line = log(stage, progress, all=round(overall(figures), 3), **shares)
        save()
        with (path.parent / "accuracy.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    pictures = AskedPictures((arguments.seed, DECODER_SEED), arguments.batch, QUESTIONS)
    ready = drawn(pictures, orders(progress, mix), arguments.workers)
    model.train()
    while not progress.finished:
        for group in optimizer.param_groups:
            factor = rate_factor(progress.step, progress.fraction)
            group["lr"] = arguments.rate * group["scale"] * factor
        images, batch, labels = next(ready).to(device)
        model.vision.stem.eval()  # the stem's statistics stay those of stage 1
        patches = None
        if stage == "subsets":
            patches = seen_patches(len(images), progress.step, progress.fraction, arguments.seed)
            patches = patches if patches is None else patches.to(device)
        with half_precision(device):
            outputs = run_packed(model, images, batch, patches)
            loss, parts = total_loss(model, outputs, batch, labels if stage == "joint" else None)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        progress.advance()
        if progress.step % 10 == 0:
            log(stage, progress, **parts)
        if arguments.pictures and progress.step % arguments.evaluate_every == 0:
            evaluate(arguments.pictures)
        elif progress.due(SAVE_SECONDS):
            save()
    save()
    if arguments.pictures:
        evaluate(4 * arguments.pictures)


if __name__ == "__main__":
    main()
