"""timm trunks that pool by averaging (ConvNeXt, ViTamin, MobileCLIP-S, Swin): their head at every cell."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.timm_model import TimmModel
from torch import Tensor
from torch.nn.functional import normalize

from for_retrieval.model.features import Features


def fits(visual: Any) -> bool:
    """Whether `visual` is of this kind; prefix tokens or a pool in open_clip's own head exclude it."""
    return (
        isinstance(visual, TimmModel)
        and not hasattr(visual.head, "pool")
        and getattr(visual.trunk, "attn_pool", None) is None
        and getattr(visual.trunk, "num_prefix_tokens", 0) == 0
        and _pooling(visual.trunk) == "avg"
    )


def _pooling(trunk: Any) -> str | None:
    """How the trunk pools: a layer of its head, a layer of its own, or a word."""
    pool = getattr(getattr(trunk, "head", None), "global_pool", None) or getattr(trunk, "global_pool", None)
    return getattr(pool, "pool_type", pool)


def stride(visual: Any) -> int:
    """Pixels a cell."""
    return int(visual.trunk.feature_info[-1]["reduction"])


def features(visual: Any, pictures: Tensor) -> Features:
    """Pictures [B, 3, S, S] -> features; a cell is given to the head as a map of one cell."""
    trunk = visual.trunk
    maps = trunk.forward_features(pictures)
    if maps.ndim == 3:  # [B, N, C]
        patches, alone = maps, [1, maps.shape[2]]
    elif getattr(trunk, "output_fmt", "NCHW") == "NHWC":
        patches, alone = maps.flatten(1, 2), [1, 1, maps.shape[3]]
    else:
        patches, alone = maps.flatten(2).transpose(1, 2), [maps.shape[1], 1, 1]
    batch, cells, _ = patches.shape
    dense = _head(visual, patches.reshape(batch * cells, *alone)).view(batch, cells, -1)
    return Features(patches, dense, normalize(_head(visual, maps), dim=-1))


def _head(visual: Any, maps: Tensor) -> Tensor:
    pooled: Tensor = visual.head(visual.trunk.forward_head(maps))
    return torch.flatten(pooled, 1)
