"""The model: a patch encoder, a projector and a LLaMA decoder, with LLaMA's parameter names."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from attention import PackedMask, attend
from scenes import PATCH_LABELS, PATCHES


@dataclass(frozen=True)
class DecoderShape:
    """Sizes of the decoder, named as in a LLaMA `config.json`."""

    vocab_size: int
    hidden_size: int = 128
    intermediate_size: int = 352
    num_hidden_layers: int = 6
    num_attention_heads: int = 4
    num_key_value_heads: int = 4
    head_dim: int = 32
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0

    def to_dict(self) -> dict:
        """Plain values for a checkpoint or a `config.json`."""
        return asdict(self)


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

    def __init__(self, patches: int = PATCHES) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, stride in ((3, 32, 2), (32, 64, 2), (64, 64, 1), (64, 96, 2)):
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.GELU(),
            ]
        self.stem = nn.Sequential(*layers)
        self.positions = nn.Parameter(torch.randn(1, patches, VISION_HIDDEN) * 0.3)
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

    def __init__(self, width: int, labels: dict[str, int] = PATCH_LABELS) -> None:
        super().__init__({name: nn.Linear(width, count) for name, count in labels.items()})

    def forward(self, states: Tensor) -> list[Tensor]:
        return [head(states) for head in self.values()]


def rope_tables(positions: Tensor, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine for positions `[batch, tokens]`, each `[batch, 1, tokens, head_dim]`."""
    exponent = torch.arange(0, head_dim, 2, device=positions.device).float() / head_dim
    angle = positions[..., None].float() * theta**-exponent
    angle = torch.cat([angle, angle], dim=-1)[:, None]
    return angle.cos(), angle.sin()


def rotate(states: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Apply rotary positions to `[batch, heads, tokens, head_dim]`."""
    low, high = states.chunk(2, dim=-1)
    return states * cosine + torch.cat([-high, low], dim=-1) * sine


class Attention(nn.Module):
    """Masked self-attention under LLaMA's names."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.heads, self.head_dim = shape.num_attention_heads, shape.head_dim
        width = self.heads * self.head_dim
        self.q_proj = nn.Linear(shape.hidden_size, width, bias=False)
        self.k_proj = nn.Linear(shape.hidden_size, width, bias=False)
        self.v_proj = nn.Linear(shape.hidden_size, width, bias=False)
        self.o_proj = nn.Linear(width, shape.hidden_size, bias=False)

    def forward(self, hidden: Tensor, rope: tuple[Tensor, Tensor], mask: Tensor | PackedMask) -> Tensor:
        batch, tokens, _ = hidden.shape
        query, key, value = (
            project(hidden).view(batch, tokens, self.heads, self.head_dim).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = rotate(query, *rope), rotate(key, *rope)
        mixed = attend(query, key, value, mask)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, tokens, -1))


class FeedForward(nn.Module):
    """Gated feed-forward under LLaMA's names."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(hidden)) * self.up_proj(hidden))


class DecoderLayer(nn.Module):
    """One LLaMA layer on `[batch, tokens, hidden]`."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.self_attn = Attention(shape)
        self.mlp = FeedForward(shape)
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)

    def forward(self, hidden: Tensor, rope: tuple[Tensor, Tensor], mask: Tensor | PackedMask) -> Tensor:
        hidden = hidden + self.self_attn(self.input_layernorm(hidden), rope, mask)
        return hidden + self.mlp(self.post_attention_layernorm(hidden))


class DecoderStack(nn.Module):
    """Embedding, layers and final norm; the `model.` part of a LLaMA checkpoint."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)


class Decoder(nn.Module):
    """LLaMA decoder whose output matrix is its token embedding."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.model = DecoderStack(shape)
        residual_scale = (2 * shape.num_hidden_layers) ** -0.5
        for name, weight in self.named_parameters():
            if weight.dim() == 2 and "embed" not in name:
                # At the usual .02 attention is almost flat when the hidden size is this small.
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    weight.data *= residual_scale
        nn.init.normal_(self.model.embed_tokens.weight)
        # Shared with the output: the final norm brings the logits of unit embeddings to about 1.
        nn.init.constant_(self.model.norm.weight, shape.hidden_size**-0.5)

    def hidden_states(
        self, embeds: Tensor, positions: Tensor, mask: Tensor | PackedMask, tap: int
    ) -> tuple[Tensor, Tensor]:
        """Final hidden states and those after `tap` layers, `[batch, tokens, hidden]` each."""
        rope = rope_tables(positions, self.shape.head_dim, self.shape.rope_theta)
        hidden = tapped = embeds
        for index, layer in enumerate(self.model.layers):
            hidden = layer(hidden, rope, mask)
            if index + 1 == tap:
                tapped = hidden
        return self.model.norm(hidden), tapped

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores over the vocabulary for hidden states `[..., hidden]`."""
        return functional.linear(hidden, self.model.embed_tokens.weight)


class SceneModel(nn.Module):
    """All that is trained: vision, projector, decoder and the heads that only training uses."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.vision = VisionEncoder()
        self.patch_heads = LabelHeads(VISION_HIDDEN)
        self.projector = Projector(shape.hidden_size)
        self.decoder = Decoder(shape)
        self.referent_heads = LabelHeads(shape.hidden_size)


def stacking_order(layers: int) -> list[tuple[int, bool]]:
    """Where each layer of the doubled depth comes from: (source layer, whether it starts silent).

    All silent copies but one go in front. A shallow decoder reads the image into the question in its
    first two layers; so these end up in the middle, after the layers after which tokens are pruned.
    The copies in front are of the second and third layer in turn: early enough that their queries and
    keys fit there, and not of the first, whose attention writes most for the background.
    """
    front = [((1 + index % 2) % layers, True) for index in range(layers - 1)]
    return [*front, *((index, False) for index in range(layers)), (layers - 1, True)]


def stack_layers(model: SceneModel) -> SceneModel:
    """Double the decoder's depth without changing what it computes; copies write nothing yet."""
    old = model.decoder.shape
    order = stacking_order(old.num_hidden_layers)
    shape = DecoderShape(**{**old.to_dict(), "num_hidden_layers": len(order)})
    prefix = "decoder.model.layers."
    before = model.state_dict()
    weights = {name: value for name, value in before.items() if not name.startswith(prefix)}
    for target, (source, silent) in enumerate(order):
        for name in (name for name in before if name.startswith(f"{prefix}{source}.")):
            value = before[name].clone()
            if silent and name.endswith(("o_proj.weight", "down_proj.weight")):
                value.zero_()
            weights[name.replace(f"{prefix}{source}.", f"{prefix}{target}.")] = value
    deeper = SceneModel(shape)
    deeper.load_state_dict(weights)
    return deeper


def normalise(images: Tensor) -> Tensor:
    """Pixels uint8 `[batch, height, width, 3]` to -1..1 `[batch, 3, height, width]`."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1)  # channels last, as drawn
