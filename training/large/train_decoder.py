"""The stages of the decoder, on packed questions and descriptions.

    python -m large.train_decoder --stage small --minutes 30             # 6 layers, 12 x 12
    python -m large.train_decoder --stage full --minutes 25 --rate 1e-3  # 6 layers, 24 x 24
    python -m large.train_decoder --stage deep --minutes 25 --rate 6e-4  # 16 layers, 24 x 24
    python -m large.train_decoder --stage whole --minutes 10 --batch 128 --workers 15  # the same from nothing, on a GPU
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from accuracy import overall
from train_decoder import WEIGHT_FLOOR, make_optimizer, rate_factor
from training_run import Progress, add_run_option, load_checkpoint, log, pick_device, save_checkpoint

from .accuracy import accuracy
from .asking import FORMS
from .batches import Batches, Order, drawn
from .export import load_weights
from .losses import total_loss
from .model import FIRST_LAYERS, FULL_LAYERS, PictureModel, fresh_shape, grow_layers, load_model, run_packed
from .pictures import FULL_GRID, SMALL_GRID
from .run import DECODER_SEEDS, DEEP_SEED, WHOLE_SEED, checkpoint_folder, half_precision
from .train_vision import load_vision

HELD_OUT_SEED = (190, 2)
SAVE_SECONDS = 150


@dataclass(frozen=True)
class Stage:
    """What differs between the stages."""

    name: str
    grid: int
    seed: int
    before: str  # the checkpoint it starts from
    batch: int
    questions: int
    describe_first: float  # weight of a description's word at the start of the run ...
    describe_last: float  # ... and at its end
    evaluate_every: int
    warm_up: int = 100
    layers: int = FIRST_LAYERS
    answers_only: bool = False  # as LLaVA is trained: a frozen vision encoder, no loss but the answers'


STAGES = {
    "small": Stage("small", SMALL_GRID, DECODER_SEEDS[SMALL_GRID], "", 16, 10, 0.7, 0.3, 250),
    "full": Stage("full", FULL_GRID, DECODER_SEEDS[FULL_GRID], "small", 8, 18, 0.5, 0.25, 150),
    "deep": Stage("deep", FULL_GRID, DEEP_SEED, "full", 8, 18, 0.3, 0.2, 100, warm_up=10),
    "whole": Stage("whole", FULL_GRID, WHOLE_SEED, "", 64, 18, 0.7, 0.3, 500, layers=FULL_LAYERS),
    "answers": Stage(
        "answers", FULL_GRID, WHOLE_SEED, "", 64, 18, 0.7, 0.3, 500, layers=FULL_LAYERS, answers_only=True
    ),
}


def first_model(stage: Stage, folder: Path) -> PictureModel:
    """The model a stage starts with; where an earlier one is missing, the shipped weights stand in for it."""
    if stage.name == "deep":
        before = folder / f"{stage.before}.pt"
        return grow_layers(load_model(before), FULL_LAYERS) if before.exists() else load_weights()
    found = load_vision(folder / f"vision-{stage.grid}.pt", stage.grid)
    if found is None and stage.layers == FULL_LAYERS:
        shipped = load_weights()
        found = shipped.vision, shipped.patch_heads, {}
    if found is None:
        raise SystemExit(f"no vision-{stage.grid}.pt in {folder}; run large.train_vision first")
    if stage.before:
        model = load_model(folder / f"{stage.before}.pt", stage.grid)
    else:
        model = PictureModel(fresh_shape(stage.layers), stage.grid)
    model.vision.load_state_dict(found[0].state_dict())
    model.patch_heads.load_state_dict(found[1].state_dict())
    return model


def main() -> None:
    """Train or resume; writes the stage's checkpoint, such as `small.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--steps", type=int, help="train this many steps instead of by the clock")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="processes that draw pictures; with 0 training waits")
    parser.add_argument("--evaluate-every", type=int, metavar="STEPS")
    parser.add_argument("--scenes", type=int, default=64, help="held-out pictures per evaluation; 0 for none")
    add_run_option(parser)
    arguments = parser.parse_args()

    stage = STAGES[arguments.stage]
    device = pick_device()
    torch.manual_seed(arguments.seed)
    folder = checkpoint_folder(arguments.name)
    path = folder / f"{stage.name}.pt"
    progress = Progress(arguments.minutes, arguments.steps)
    mix = dict.fromkeys(FORMS, 1.0)
    checkpoint = load_checkpoint(path, torch.device("cpu"))
    model = (load_model(path) if checkpoint else first_model(stage, folder)).to(device)
    model.vision.to(memory_format=torch.channels_last)
    model.vision.requires_grad_(not stage.answers_only)
    optimizer = make_optimizer(model, arguments.rate)
    if checkpoint:
        optimizer.load_state_dict(checkpoint["optimizer"])
        progress.resume(checkpoint["progress"])
        mix = checkpoint["mix"]

    def save() -> None:
        state = {"model": model.state_dict(), "shape": model.decoder.shape.to_dict(), "grid": model.grid}
        state |= {"optimizer": optimizer.state_dict(), "progress": progress.state(), "mix": mix}
        save_checkpoint(path, state)

    def evaluate(count: int) -> None:
        figures = accuracy(model, HELD_OUT_SEED, count, half=True)
        mix.update({kind: WEIGHT_FLOOR + 1 - figures[kind][0] for kind in FORMS})
        shares = {kind: round(value[0], 3) for kind, value in figures.items()}
        line = {"stage": stage.name, "step": progress.step, "minutes": round(progress.elapsed / 60, 1)}
        line |= {"all": round(overall(figures), 3), **shares}
        log(stage.name, progress, **shares)
        save()
        with (folder / "accuracy.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def orders() -> Iterator[Order]:
        step = progress.step
        while True:
            fraction = progress.at(step)
            weight = stage.describe_first + fraction * (stage.describe_last - stage.describe_first)
            yield Order(step, weight, dict(mix))
            step += 1

    batches = Batches((arguments.seed, stage.seed), arguments.batch or stage.batch, stage.grid, stage.questions)
    ready = drawn(batches, orders(), arguments.workers)
    evaluate_every = arguments.evaluate_every or stage.evaluate_every
    model.train()
    while not progress.finished:
        fraction = progress.fraction
        for group in optimizer.param_groups:
            factor = rate_factor(progress.step, fraction, stage.warm_up)
            group["lr"] = arguments.rate * group["scale"] * factor
        images, batch, labels = next(ready).to(device)
        model.vision.stem.eval()  # the stem's statistics stay those of stage 1
        with half_precision(device):
            outputs = run_packed(model, images, batch)
            loss, parts = total_loss(model, outputs, batch, None if stage.answers_only else labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        progress.advance()
        if progress.step % 10 == 0:
            log(stage.name, progress, **parts)
        if arguments.scenes and progress.step % evaluate_every == 0:
            evaluate(arguments.scenes)
        elif progress.due(SAVE_SECONDS):
            save()
    save()
    if arguments.scenes:
        evaluate(4 * arguments.scenes)


if __name__ == "__main__":
    main()
