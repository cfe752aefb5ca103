"""timm transformers whose pool is attention by a learned query (SigLIP, PE): the pool's value path."""

from __future__ import annotations

from typing import Any

from open_clip.timm_model import TimmModel
from timm.layers.attention_pool import AttentionPoolLatent
from torch import Tensor
from torch.nn.functional import normalize

from for_retrieval.model.features import Features


def fits(visual: Any) -> bool:
    """Whether `visual` is of this kind; pools with positions of their own are not, they cannot be resized."""
    pool = getattr(visual.trunk, "attn_pool", None) if isinstance(visual, TimmModel) else None
    return isinstance(pool, AttentionPoolLatent) and pool.pos_embed is None


def stride(visual: Any) -> int:
    """Pixels a cell."""
    return int(visual.trunk.feature_info[-1]["reduction"])


def features(visual: Any, pictures: Tensor) -> Features:
    """Pictures [B, 3, S, S] -> features; patches are the trunk's normalised output."""
    trunk = visual.trunk
    tokens = trunk.forward_features(pictures)
    patches = tokens[:, trunk.num_prefix_tokens :]
    dense = visual.head(trunk.head(trunk.fc_norm(value_path(trunk.attn_pool, patches))))
    pooled = visual.head(trunk.forward_head(tokens))
    return Features(patches, dense, normalize(pooled, dim=-1))


def value_path(pool: Any, x: Tensor) -> Tensor:
    """What the pool gives for each token of x [B, N, C] alone.

    Its MLP and the residual around it belong to it: the projection into the joint space was trained on
    their output only.
    """
    values: Tensor = pool.proj(pool.kv(x).chunk(2, dim=-1)[1])
    return values if pool.mlp is None else values + pool.mlp(pool.norm(values))
