"""Held-out accuracy of a decoder stage's checkpoint per kind of question, as a Markdown table.

    python -m evaluate
"""

from __future__ import annotations

import argparse

from accuracy import accuracy, overall
from model import load_model
from training_run import add_run_option, checkpoint_path, pick_device

TEST_SEED = (190, 3)  # neither trained on nor looked at during training


def main() -> None:
    """Print accuracy beside the prior."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="answers")
    parser.add_argument("--pictures", type=int, default=200)
    add_run_option(parser)
    arguments = parser.parse_args()

    model = load_model(checkpoint_path(arguments.name, arguments.checkpoint)).to(pick_device())
    figures = accuracy(model, TEST_SEED, arguments.pictures)
    print("| kind | questions | prior | right |")
    print("|-|-|-|-|")
    for kind, (right, prior, total) in figures.items():
        print(f"| {kind} | {total} | {prior:.3f} | {right:.3f} |")
    total = sum(figure[2] for kind, figure in figures.items() if kind != "describe")
    print(f"| **all questions** | {total} | | **{overall(figures):.3f}** |")


if __name__ == "__main__":
    main()
