"""Stage 2: train the decoder on packed questions and descriptions.

    python -m train_decoder --minutes 30                      # 6 layers, from checkpoints/vision.pt
    python -m train_decoder --stack --minutes 50 --rate 8e-4  # 12 layers, from checkpoints/decoder.pt
"""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import dataclass
from pathlib import Path

import torch

from accuracy import accuracy
from losses import run_packed, total_loss
from model import DecoderShape, SceneModel, stack_layers
from packing import pack, squeeze_positions
from questions import FORMS, ask, describe
from scenes import generate_scenes, patch_labels
from tokenizer import VOCABULARY
from training_run import (
    CHECKPOINTS, DECODER_SEED, DEEP_SEED, Progress, Workers, add_run_option, load_checkpoint,
    log, pick_device, save_checkpoint,
)

HELD_OUT_SEED = (90, 2)
VISION_RATE = 0.25  # of the decoder's learning rate
FIRST_WEIGHTS = {
    "color": 1.2, "shape": 0.8, "exist": 1.0, "count": 0.8, "where": 0.8, "relation": 1.2, "read": 0.8,
}
WEIGHT_FLOOR = 0.15  # a kind's share in the mix is this plus its held-out error


@dataclass(frozen=True)
class Stage:
    """What differs between the shallow and the stacked run."""

    checkpoint: str
    seed: int
    describe_first: float  # weight of a description's word at the start of the run ...
    describe_last: float  # ... and at its end
    squeeze: bool  # whether half of the images get squeezed positions


SHALLOW = Stage("decoder", DECODER_SEED, 0.7, 0.25, squeeze=False)
DEEP = Stage("decoder-deep", DEEP_SEED, 0.4, 0.2, squeeze=True)


def load_model(path: Path, device: torch.device) -> SceneModel:
    """The model of a decoder checkpoint, at the depth that it has."""
    checkpoint = load_checkpoint(path, device)
    if checkpoint is None:
        raise SystemExit(f"no checkpoint {path}; train that stage first")
    model = SceneModel(DecoderShape(**checkpoint["shape"])).to(device)
    model.load_state_dict(checkpoint["model"])
    return model


def first_model(stage: Stage, folder: Path, device: torch.device) -> SceneModel:
    """The model a run starts with: fresh on the trained vision encoder, or the stacked one."""
    if stage is DEEP:
        return stack_layers(load_model(folder / f"{SHALLOW.checkpoint}.pt", device)).to(device)
    model = SceneModel(DecoderShape(vocab_size=len(VOCABULARY))).to(device)
    vision = load_checkpoint(folder / "vision.pt", device)
    if vision is None:
        raise SystemExit(f"no vision.pt in {folder}; run train_vision first")
    model.vision.load_state_dict(vision["vision"])
    model.patch_heads.load_state_dict(vision["heads"])
    return model


def make_optimizer(model: SceneModel, rate: float) -> torch.optim.Optimizer:
    """AdamW with a lower rate for the vision encoder, which is trained already."""
    vision = [*model.vision.parameters(), *model.patch_heads.parameters()]
    known = {id(parameter) for parameter in vision}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in known]
    groups = [{"params": rest, "scale": 1.0}, {"params": vision, "scale": VISION_RATE}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), weight_decay=0.02)


def rate_factor(step: int, fraction: float, warm_up: int = 100) -> float:
    """Warm-up over so many steps, constant for half of the run, then cosine to almost nothing."""
    decay = max(0.0, (fraction - 0.5) / 0.5)
    return min(1.0, (step + 1) / warm_up) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * decay)))


def main() -> None:
    """Train or resume; writes `checkpoints/decoder.pt` or `checkpoints/decoder-deep.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--steps", type=int, help="train this many steps instead of by the clock")
    parser.add_argument("--stack", action="store_true", help="go on with doubled depth")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--questions", type=int, default=10, help="questions per image")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluate-every", type=int, default=250, metavar="STEPS")
    add_run_option(parser)
    arguments = parser.parse_args()

    stage = DEEP if arguments.stack else SHALLOW
    device, workers = pick_device(), Workers()
    torch.manual_seed(arguments.seed)
    folder = CHECKPOINTS / arguments.name
    path = folder / f"{stage.checkpoint}.pt"
    progress = Progress(arguments.minutes, arguments.steps)
    mix = dict(FIRST_WEIGHTS)
    checkpoint = load_checkpoint(path, device)
    model = load_model(path, device) if checkpoint else first_model(stage, folder, device)
    model.vision.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(model, arguments.rate)
    if checkpoint:
        optimizer.load_state_dict(checkpoint["optimizer"])
        progress.resume(checkpoint["progress"])
        mix = checkpoint["mix"]

    def evaluate_and_save(scenes: int) -> None:
        figures = accuracy(model, HELD_OUT_SEED, scenes)
        mix.update({kind: WEIGHT_FLOOR + 1 - figures[kind][0] for kind in FORMS})
        if workers.rank:
            return
        log(stage.checkpoint, progress, **{kind: round(value[0], 3) for kind, value in figures.items()})
        state = {"model": model.state_dict(), "shape": model.decoder.shape.to_dict()}
        state |= {"optimizer": optimizer.state_dict(), "progress": progress.state(), "mix": mix}
        save_checkpoint(path, state)

    model.train()
    while (fraction := workers.agree(progress.fraction)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * group["scale"] * rate_factor(progress.step, fraction)
        seed = workers.seed(arguments.seed, stage.seed, progress.step)
        images, scenes = generate_scenes(seed, workers.part(arguments.batch))
        choice = random.Random(f"{seed}/questions")
        asked = [[*ask(s, choice, arguments.questions, mix), describe(s)] for s in scenes]
        weight = stage.describe_first + fraction * (stage.describe_last - stage.describe_first)
        batch = pack(scenes, asked, {"describe": weight})
        if stage.squeeze:
            squeeze_positions(batch, choice)
        batch = batch.to(device)
        model.vision.stem.eval()  # the stem's statistics stay those of stage 1
        outputs = run_packed(model, torch.from_numpy(images).to(device), batch)
        labels = torch.from_numpy(patch_labels(scenes)).to(device)
        loss, parts = total_loss(model, outputs, batch, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        workers.average_gradients(list(model.parameters()))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        progress.advance()
        if progress.step % 50 == 0 and workers.rank == 0:
            log(stage.checkpoint, progress, **parts)
        if progress.step % arguments.evaluate_every == 0:
            evaluate_and_save(96)
    evaluate_and_save(384)


if __name__ == "__main__":
    main()
