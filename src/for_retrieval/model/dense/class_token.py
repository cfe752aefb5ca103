"""Vision transformers that pool by a class token: the value path of the last block, as MaskCLIP."""

from __future__ import annotations

from typing import Any

from open_clip.transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from for_retrieval.model.features import Features


def fits(visual: Any) -> bool:
    """Whether `visual` is of this kind; variants with other attention than torch's are not."""
    return (
        isinstance(visual, VisionTransformer)
        and visual.pool_type == "tok"
        and visual.attn_pool is None
        and isinstance(visual.transformer.resblocks[-1].attn, nn.MultiheadAttention)
    )


def stride(visual: Any) -> int:
    """Pixels a cell."""
    return int(visual.patch_size[0])


def features(visual: Any, pictures: Tensor) -> Features:
    """Pictures [B, 3, S, S] -> features; patches are the last block's output.

    The block's residual and MLP are left out of the dense path. ClearCLIP (Lan et al., ECCV 2024) found that
    they hold the noise in a value path; mAP@50 of the variants is not measured here, for want of weights.
    """
    last = visual.transformer.resblocks[-1]
    x, (before, _) = visual.transformer.forward_intermediates(visual._embeds(pictures), indices=2)
    dense = visual.ln_post(value_path(last, before[:, 1:])) @ visual.proj
    pooled = visual._pool(x)[0] @ visual.proj
    return Features(x[:, 1:], dense, normalize(pooled, dim=-1))


def value_path(block: Any, x: Tensor) -> Tensor:
    """What the block's attention gives each token of x [B, N, C] that attends to itself alone."""
    width = x.shape[-1]
    attention = block.attn
    bias = None if attention.in_proj_bias is None else attention.in_proj_bias[2 * width :]
    values = linear(block.ln_1(x), attention.in_proj_weight[2 * width :], bias)
    return block.ls_1(attention.out_proj(values))  # type: ignore[no-any-return]
