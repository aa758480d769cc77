"""Held-out accuracy per kind of question as a Markdown table.

    python -m evaluate --checkpoint decoder-deep
"""

from __future__ import annotations

import argparse

from accuracy import accuracy, overall
from export import rounded_to_half
from train_decoder import load_model
from training_run import CHECKPOINTS, add_run_option, pick_device

TEST_SEED = (90, 3)  # neither trained on nor looked at during training


def main() -> None:
    """Print accuracy with float32 and float16 weights beside the prior."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="decoder-deep")
    parser.add_argument("--scenes", type=int, default=600)
    add_run_option(parser)
    arguments = parser.parse_args()

    model = load_model(CHECKPOINTS / arguments.name / f"{arguments.checkpoint}.pt", pick_device())
    single = accuracy(model, TEST_SEED, arguments.scenes)
    half = accuracy(rounded_to_half(model), TEST_SEED, arguments.scenes)
    print("| kind | questions | prior | float32 | float16 weights |")
    print("|-|-|-|-|-|")
    for kind, (right, prior, total) in single.items():
        print(f"| {kind} | {total} | {prior:.3f} | {right:.3f} | {half[kind][0]:.3f} |")
    total = sum(figures[2] for kind, figures in single.items() if kind != "describe")
    print(f"| **all questions** | {total} | | **{overall(single):.3f}** | **{overall(half):.3f}** |")


if __name__ == "__main__":
    main()
