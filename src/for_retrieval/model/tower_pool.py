"""The attention pool of a tower such as RN50, once for each query: how SUM-CLIP starts on such towers."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class TowerPool(nn.Module):
    """A frozen copy of the pool. It is no part of a head's saved state, since the tower has it.

    The pool (Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021,
    section 2.3.1): tokens are the cells and, before them, their mean; the mean is the query. One query that looks
    at all tokens gives the tower's own embedding.
    """

    positions: Tensor

    def __init__(self, pool: Any) -> None:
        """pool: open_clip's AttentionPool2d, its positions already those of the input size."""
        super().__init__()
        self.heads = int(pool.num_heads)
        self.dim = int(pool.c_proj.out_features)
        self.register_buffer("positions", pool.positional_embedding.detach().clone(), persistent=False)
        for name in ("q", "k", "v", "c"):
            layer = getattr(pool, f"{name}_proj")
            self.register_buffer(f"{name}_weight", layer.weight.detach().clone(), persistent=False)
            self.register_buffer(f"{name}_bias", layer.bias.detach().clone(), persistent=False)

    def forward(self, patches: Tensor, logits: Tensor, whole: bool) -> tuple[Tensor, Tensor]:
        """Pool each image once for each of K queries.

        Args:
            patches: [B, N, C], the last feature map.
            logits: [B, K, N] or [K, N], added to the pool's own logits of the cells.
            whole: whether the queries also look at the mean token, as the pool does.

        Returns:
            Embeddings [B, K, D], not normalised, and attention over cells [B, K, N], the mean of the pool's heads;
            rows sum to 1.
        """
        mean = patches.mean(1, keepdim=True)
        tokens = torch.cat([mean, patches], 1) + self.positions
        query = self._split("q", tokens[:, :1])  # [B, H, 1, C / H]
        keys, values = self._split("k", tokens), self._split("v", tokens)
        own = query @ keys.transpose(2, 3) / math.sqrt(query.shape[-1])  # [B, H, 1, 1 + N]
        extra = nn.functional.pad(logits, (1, 0), value=0.0 if whole else float("-inf"))
        attention = (own + extra.unsqueeze(-3)).softmax(-1)  # [B, H, K, 1 + N]
        mixed = (attention @ values).transpose(1, 2).flatten(2)
        seen = attention[..., 1:].mean(1)
        return self._linear("c", mixed), seen / seen.sum(-1, keepdim=True)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return linear(x, self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias"))

    def _split(self, name: str, tokens: Tensor) -> Tensor:
        """One of the pool's projections, by head: [B, T, C] -> [B, H, T, C / H]."""
        out = self._linear(name, tokens)
        return out.view(*out.shape[:2], self.heads, -1).transpose(1, 2)
