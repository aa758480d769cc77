"""Stages 2, 4 and 5: the decoder on packed questions and descriptions.

    python -m large.train_decoder --stage small --minutes 30             # 6 layers, 12 x 12
    python -m large.train_decoder --stage full --minutes 25 --rate 1e-3  # 6 layers, 24 x 24
    python -m large.train_decoder --stage deep --minutes 25 --rate 6e-4  # 16 layers, 24 x 24
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
from pathlib import Path

import torch

from accuracy import overall
from train_decoder import WEIGHT_FLOOR, make_optimizer, rate_factor
from training_run import Progress, add_run_option, load_checkpoint, log, save_checkpoint

from .accuracy import accuracy
from .asking import FORMS, ask, describe
from .export import load_weights
from .losses import total_loss
from .model import FULL_LAYERS, PictureModel, first_shape, grow_layers, load_model, run_packed
from .packing import pack
from .pictures import FULL_GRID, SMALL_GRID, generate_pictures, patch_labels
from .run import DECODER_SEEDS, DEEP_SEED, checkpoint_folder, half_precision
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


STAGES = {
    "small": Stage("small", SMALL_GRID, DECODER_SEEDS[SMALL_GRID], "", 16, 10, 0.7, 0.3, 250),
    "full": Stage("full", FULL_GRID, DECODER_SEEDS[FULL_GRID], "small", 8, 18, 0.5, 0.25, 150),
    "deep": Stage("deep", FULL_GRID, DEEP_SEED, "full", 8, 18, 0.3, 0.2, 100, warm_up=10),
}


def first_model(stage: Stage, folder: Path) -> PictureModel:
    """The model a stage starts with; without a stage before it, the last one goes on from the shipped weights."""
    if stage.name == "deep":
        before = folder / f"{stage.before}.pt"
        return grow_layers(load_model(before), FULL_LAYERS) if before.exists() else load_weights()
    found = load_vision(folder / f"vision-{stage.grid}.pt", stage.grid)
    if found is None:
        raise SystemExit(f"no vision-{stage.grid}.pt in {folder}; run large.train_vision first")
    if stage.before:
        model = load_model(folder / f"{stage.before}.pt", stage.grid)
    else:
        model = PictureModel(first_shape(), stage.grid)
    model.vision.load_state_dict(found[0].state_dict())
    model.patch_heads.load_state_dict(found[1].state_dict())
    return model


def main() -> None:
    """Train or resume; writes `small.pt`, `full.pt` or `deep.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--steps", type=int, help="train this many steps instead of by the clock")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenes", type=int, default=64, help="held-out pictures per evaluation; 0 for none")
    add_run_option(parser)
    arguments = parser.parse_args()

    stage = STAGES[arguments.stage]
    torch.manual_seed(arguments.seed)
    folder = checkpoint_folder(arguments.name)
    path = folder / f"{stage.name}.pt"
    progress = Progress(arguments.minutes, arguments.steps)
    mix = dict.fromkeys(FORMS, 1.0)
    checkpoint = load_checkpoint(path, torch.device("cpu"))
    model = load_model(path) if checkpoint else first_model(stage, folder)
    model.vision.to(memory_format=torch.channels_last)
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
        with (folder / "accuracy.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        log(stage.name, progress, **shares)
        save()

    batch_size = arguments.batch or stage.batch
    model.train()
    while not progress.finished:
        fraction = progress.fraction
        for group in optimizer.param_groups:
            factor = rate_factor(progress.step, fraction, stage.warm_up)
            group["lr"] = arguments.rate * group["scale"] * factor
        seed = (arguments.seed, stage.seed, progress.step)
        images, pictures = generate_pictures(seed, batch_size, stage.grid)
        choice = random.Random(f"{seed}/questions")
        asked = [[*ask(p, choice, stage.questions, mix), *describe(p)] for p in pictures]
        weight = stage.describe_first + fraction * (stage.describe_last - stage.describe_first)
        batch = pack(pictures, asked, {"describe": weight})
        model.vision.stem.eval()  # the stem's statistics stay those of stage 1
        labels = torch.from_numpy(patch_labels(pictures))
        with half_precision():
            outputs = run_packed(model, torch.from_numpy(images), batch)
            loss, parts = total_loss(model, outputs, batch, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        progress.advance()
        if progress.step % 10 == 0:
            log(stage.name, progress, **parts)
        if arguments.scenes and progress.step % stage.evaluate_every == 0:
            evaluate(arguments.scenes)
        elif progress.due(SAVE_SECONDS):
            save()
    save()
    if arguments.scenes:
        evaluate(4 * arguments.scenes)


if __name__ == "__main__":
    main()
