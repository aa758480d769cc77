"""The LLaMA decoder, with LLaMA's parameter names."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from attention import PackedMask, attend


@dataclass(frozen=True)
class DecoderShape:
    """Sizes of the decoder, named as in a LLaMA `config.json`."""

    vocab_size: int
    hidden_size: int = 128
    intermediate_size: int = 352
    num_hidden_layers: int = 16
    num_attention_heads: int = 4
    num_key_value_heads: int = 4
    head_dim: int = 32
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0

    def to_dict(self) -> dict:
        """Plain values for a checkpoint or a `config.json`."""
        return asdict(self)


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

    def forward(self, hidden: Tensor, rope: tuple[Tensor, Tensor], mask: PackedMask) -> Tensor:
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

    def forward(self, hidden: Tensor, rope: tuple[Tensor, Tensor], mask: PackedMask) -> Tensor:
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
        self, embeds: Tensor, positions: Tensor, mask: PackedMask, tap: int
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
