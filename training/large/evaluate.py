"""Held-out accuracy of the larger model per kind, as a Markdown table.

    python -m large.evaluate                     # the weights in weights/
    python -m large.evaluate --checkpoint deep   # a checkpoint, float32
"""

from __future__ import annotations

import argparse

from accuracy import overall

from .accuracy import accuracy
from .export import load_weights
from .model import load_model
from .run import checkpoint_folder

TEST_SEED = (190, 3)  # neither trained on nor looked at during training


def main() -> None:
    """Print accuracy beside the prior."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="")
    parser.add_argument("--name", default="")
    parser.add_argument("--scenes", type=int, default=200)
    arguments = parser.parse_args()
    found = checkpoint_folder(arguments.name) / f"{arguments.checkpoint}.pt"
    model = load_model(found) if arguments.checkpoint else load_weights()
    figures = accuracy(model, TEST_SEED, arguments.scenes)
    print("| kind | questions | prior | right |")
    print("|-|-|-|-|")
    for kind, (right, prior, total) in figures.items():
        print(f"| {kind} | {total} | {prior:.3f} | {right:.3f} |")
    total = sum(figure[2] for kind, figure in figures.items() if kind != "describe")
    print(f"| **all questions** | {total} | | **{overall(figures):.3f}** |")


if __name__ == "__main__":
    main()
