"""From pixels to image tokens: a patch encoder, its heads for training, and the projector."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from attention import attend
from drawing import GRID
from labels import PATCH_LABELS

VISION_HIDDEN = 96
VISION_BLOCKS = 3
VISION_HEADS = 4


class VisionBlock(nn.Module):
    """Pre-norm transformer block over all patches, `[batch, patches, VISION_HIDDEN]`."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(VISION_HIDDEN)
        self.qkv = nn.Linear(VISION_HIDDEN, 3 * VISION_HIDDEN)
        self.output = nn.Linear(VISION_HIDDEN, VISION_HIDDEN)
        self.mlp_norm = nn.LayerNorm(VISION_HIDDEN)
        self.up = nn.Linear(VISION_HIDDEN, 4 * VISION_HIDDEN)
        self.down = nn.Linear(4 * VISION_HIDDEN, VISION_HIDDEN)

    def forward(self, hidden: Tensor) -> Tensor:
        batch, patches, width = hidden.shape
        qkv = self.qkv(self.attention_norm(hidden))
        qkv = qkv.view(batch, patches, 3, VISION_HEADS, width // VISION_HEADS)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attend(query, key, value)
        hidden = hidden + self.output(mixed.transpose(1, 2).reshape(batch, patches, width))
        return hidden + self.down(functional.gelu(self.up(self.mlp_norm(hidden))))


class VisionEncoder(nn.Module):
    """Pixels in -1..1 `[batch, 3, height, width]` to patch states `[batch, patches, VISION_HIDDEN]`."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, stride in ((3, 32, 2), (32, 64, 2), (64, 64, 1), (64, 96, 2)):
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.GELU(),
            ]
        self.stem = nn.Sequential(*layers)
        self.positions = nn.Parameter(torch.randn(1, GRID * GRID, VISION_HIDDEN) * 0.3)
        self.blocks = nn.ModuleList(VisionBlock() for _ in range(VISION_BLOCKS))
        self.norm = nn.LayerNorm(VISION_HIDDEN)

    def forward(self, pixels: Tensor) -> Tensor:
        hidden = self.stem(pixels).flatten(2).transpose(1, 2) + self.positions
        for block in self.blocks:
            hidden = block(hidden)
        return self.norm(hidden)


class Projector(nn.Module):
    """Patch states to image tokens, `[batch, patches, hidden]`."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.up = nn.Linear(VISION_HIDDEN, 256)
        self.down = nn.Linear(256, hidden_size)

    def forward(self, states: Tensor) -> Tensor:
        return self.down(functional.gelu(self.up(states)))


class LabelHeads(nn.ModuleDict):
    """One linear classifier per patch label; used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__({name: nn.Linear(width, count) for name, count in PATCH_LABELS.items()})

    def forward(self, states: Tensor) -> list[Tensor]:
        return [head(states) for head in self.values()]


class LabelledVision(nn.Module):
    """The encoder and the heads that read a patch's labels from its state: what stage 1 trains."""

    def __init__(self) -> None:
        super().__init__()
        self.vision = VisionEncoder()
        self.patch_heads = LabelHeads(VISION_HIDDEN)

    def adopt_vision(self, weights: dict[str, Tensor]) -> None:
        """Take encoder and heads over from the weights of any stage."""
        for prefix, part in (("vision.", self.vision), ("patch_heads.", self.patch_heads)):
            own = {name.removeprefix(prefix): v for name, v in weights.items() if name.startswith(prefix)}
            part.load_state_dict(own)


def normalise(images: Tensor) -> Tensor:
    """Pixels uint8 `[batch, height, width, 3]` to -1..1 `[batch, 3, height, width]`."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1)  # channels last, as drawn
