"""Attention that is fast on CPUs when it is trained in bfloat16.

PyTorch's fused attention is slow there, its backward pass above all: about 20 GFLOP/s on a core whose
bfloat16 matrix products reach 400. So under autocast the products are written out, one image and one
block of queries at a time, small enough for the cache; causal blocks skip the keys behind them. Without
autocast nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 160  # queries at a time in the causal part


@dataclass(frozen=True)
class PackedMask:
    """Causal among the first `prefix` tokens; the rest sees what `rows` allows.

    `rows` is added to the scores: 0 or minus infinity, `[batch, 1, tokens - prefix, tokens]`.
    """

    prefix: int
    rows: Tensor


@lru_cache(maxsize=None)
def _causal(size: int, dtype: torch.dtype) -> Tensor:
    return torch.full((size, size), -torch.inf).triu(1).to(dtype)


def _blocks(tokens: int, mask: PackedMask | None) -> list[tuple[int, int, int]]:
    """Query blocks as (first, end, keys that they may see)."""
    if mask is None:
        return [(0, tokens, tokens)]
    starts = range(0, mask.prefix, BLOCK)
    blocks = [(start, min(start + BLOCK, mask.prefix), min(start + BLOCK, mask.prefix)) for start in starts]
    return [*blocks, (mask.prefix, tokens, tokens)] if tokens > mask.prefix else blocks


class BlockAttention(torch.autograd.Function):
    """Softmax attention on `[batch, heads, tokens, head_dim]`, block by block."""

    @staticmethod
    def forward(ctx, query: Tensor, key: Tensor, value: Tensor, mask: PackedMask | None) -> Tensor:
        ctx.scale = query.shape[-1] ** -0.5
        query = (query * ctx.scale).contiguous()
        key, value = key.contiguous(), value.contiguous()
        out = torch.empty_like(query)
        blocks, weights = _blocks(query.shape[2], mask), []
        for row in range(query.shape[0]):
            for first, end, keys in blocks:
                scores = torch.matmul(query[row, :, first:end], key[row, :, :keys].transpose(-1, -2))
                if mask is not None and first >= mask.prefix:
                    scores += mask.rows[row]
                elif mask is not None:
                    scores[:, :, first:] += _causal(end - first, scores.dtype)
                weight = torch.softmax(scores, -1)
                torch.matmul(weight, value[row, :, :keys], out=out[row, :, first:end])
                weights.append(weight)
        ctx.save_for_backward(query, key, value, out, *weights)
        ctx.blocks = blocks
        return out

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        query, key, value, out, *weights = ctx.saved_tensors
        gradient = gradient.contiguous()
        along = (gradient * out).sum(-1, keepdim=True)
        to_query = torch.empty_like(query)
        to_key, to_value = torch.zeros_like(key), torch.zeros_like(value)
        step = iter(weights)
        for row in range(query.shape[0]):
            for first, end, keys in ctx.blocks:
                weight, upper = next(step), gradient[row, :, first:end]
                to_value[row, :, :keys] += torch.matmul(weight.transpose(-1, -2), upper)
                inner = torch.matmul(upper, value[row, :, :keys].transpose(-1, -2))
                inner = inner.sub_(along[row, :, first:end]).mul_(weight)
                torch.matmul(inner, key[row, :, :keys], out=to_query[row, :, first:end])
                to_key[row, :, :keys] += torch.matmul(inner.transpose(-1, -2), query[row, :, first:end])
        return to_query.mul_(ctx.scale), to_key, to_value, None


def attend(query: Tensor, key: Tensor, value: Tensor, mask: PackedMask | None = None) -> Tensor:
    """Attention on `[batch, heads, tokens, head_dim]`."""
    if torch.is_autocast_enabled("cpu"):
        half = [states.to(torch.bfloat16) for states in (query, key, value)]
        with torch.autocast("cpu", enabled=False):
            return BlockAttention.apply(*half, mask)
    if mask is None:
        return functional.scaled_dot_product_attention(query, key, value)
    image = [states[:, :, : mask.prefix] for states in (query, key, value)]
    first = functional.scaled_dot_product_attention(*image, is_causal=True)
    text = query[:, :, mask.prefix :]
    rest = functional.scaled_dot_product_attention(text, key, value, attn_mask=mask.rows.to(query.dtype))
    return torch.cat([first, rest], dim=2)
