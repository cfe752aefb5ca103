"""ResNets whose pool is attention (RN50 and its kin): the pool without its query and key."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.modified_resnet import ModifiedResNet
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize
from torch.utils.checkpoint import checkpoint

from for_retrieval.model.features import Features


def fits(visual: Any) -> bool:
    """Whether `visual` is of this kind."""
    return isinstance(visual, ModifiedResNet)


def stride(visual: Any) -> int:
    """Pixels a cell: three stages and the stem halve or quarter the side."""
    return 32


def features(visual: Any, pictures: Tensor) -> Features:
    """Pictures [B, 3, S, S] -> features.

    Cells keep their positions, because the pool's values have them: with one head the pooled embedding is
    exactly the attention-weighted mean of the cells' embeddings and the mean cell's.
    """
    x = visual.stem(pictures)
    again = torch.is_grad_enabled() and getattr(visual, "checkpointing", False)  # see model/layers.py
    for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        x = checkpoint(stage, x, use_reentrant=False) if again else stage(x)
    pool = visual.attnpool
    patches = x.flatten(2).transpose(1, 2)
    dense = pool.c_proj(pool.v_proj(patches + pool.positional_embedding[1:]))
    return Features(patches, dense, normalize(pool(x), dim=-1))


def resize(visual: ModifiedResNet, size: int) -> None:
    """Interpolate the pool's positions to pictures of `size` pixels; open_clip does so for ViTs only."""
    positions = visual.attnpool.positional_embedding.detach()
    side = round((len(positions) - 1) ** 0.5)
    if (new := size // stride(visual)) == side:
        return
    mean, cells = positions[:1], positions[1:].T.reshape(1, -1, side, side)
    # Bicubic with antialiasing, as open_clip's own resize_pos_embed.
    cells = interpolate(cells, size=(new, new), mode="bicubic", antialias=True)
    visual.attnpool.positional_embedding = nn.Parameter(torch.cat([mean, cells[0].flatten(1).T]))
