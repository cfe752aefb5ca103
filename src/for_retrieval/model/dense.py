"""Dense-CLIP and finer maps for each kind of open_clip image tower: a class a kind, and a table that chooses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from timm.layers.attention_pool import AttentionPoolLatent
from torch import Tensor, nn
from torch.nn.functional import interpolate, linear, normalize
from torch.utils.checkpoint import checkpoint

from for_retrieval.errors import UsageError

FINE = 16  # px, at most, of a cell of the finer map where a tower has one
Parts = tuple[Tensor, Tensor, Tensor]


@contextmanager
def captured(module: nn.Module) -> Iterator[list[Tensor]]:
    """The outputs of a block of the tower, while the tower runs inside."""
    found: list[Tensor] = []
    hook = module.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    try:
        yield found
    finally:
        hook.remove()


def cells_of(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    """A block's output as cells [B, M, C]: from tokens without their prefix, or from maps, channels first or last."""
    if not all(grid):
        return maps.new_zeros(len(maps), 0, 1)
    if maps.ndim == 3:
        return maps[:, -math.prod(grid) :]
    return (maps if tuple(maps.shape[1:3]) == grid else maps.permute(0, 2, 3, 1)).flatten(1, 2)


class Kind(Protocol):
    """How one kind of image tower, `visual`, computes features of cells."""

    name: str  # as messages list it
    convolutions: bool = False  # most of its work, which is then faster in channels-last memory

    def fits(self, visual: Any) -> bool:
        """Whether `visual` is of this kind."""

    def features(self, visual: Any, pictures: Tensor) -> Parts:
        """Pictures [B, 3, S, S] -> patches, dense and pooled, as in `Features`."""

    def stride(self, visual: Any) -> int:
        """Pixels a cell."""
        return int(visual.trunk.feature_info[-1]["reduction"])

    def fine(self, visual: Any) -> tuple[nn.Module, int]:
        """The block whose output is the finer map, and its pixels a cell.

        Of a pyramid the last stage with cells of 16 px or less; of a transformer, whose cells are all of one size, the
        block after two thirds, which still knows where things end.
        """
        stages = list(visual.trunk.feature_info)[:-1] or list(visual.trunk.feature_info)
        small = [stage for stage in stages if stage["reduction"] <= FINE]
        last = max(stage["reduction"] for stage in small) if small else min(stage["reduction"] for stage in stages)
        same = [stage for stage in stages if stage["reduction"] == last]
        chosen = same[len(same) * 2 // 3]
        return visual.trunk.get_submodule(chosen["module"]), int(chosen["reduction"])

    def shift(self, visual: Any) -> float:
        """How many pixels right and down of the middle of its tile a cell looks, because of padding."""
        return 0.0


class AttentionPool(Kind):
    """ResNets whose pool is attention: the pool without its query and key."""

    name = "ResNets with an attention pool (RN50)"
    convolutions = True

    def fits(self, visual: Any) -> bool:
        return isinstance(visual, ModifiedResNet)

    def stride(self, visual: Any) -> int:
        return _RESNET_STRIDE

    def fine(self, visual: Any) -> tuple[nn.Module, int]:
        return visual.layer3, _RESNET_STRIDE // 2

    def shift(self, visual: Any) -> float:
        """Its first convolution, of stride 2, pads both sides; all that halves later averages, which moves nothing."""
        return -0.5

    def features(self, visual: Any, pictures: Tensor) -> Parts:
        """Cells keep their positions, because the pool's values have them.

        With one head the pooled embedding is exactly the attention-weighted mean of those of the cells and their mean.
        """
        x = visual.stem(pictures)
        again = torch.is_grad_enabled() and getattr(visual, "checkpointing", False)  # see train/finetune.py
        for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            x = checkpoint(stage, x, use_reentrant=False) if again else stage(x)
        pool = visual.attnpool
        patches = x.flatten(2).transpose(1, 2)
        dense = pool.c_proj(pool.v_proj(patches + pool.positional_embedding[1:]))
        return patches, dense, normalize(pool(x), dim=-1)


class ClassToken(Kind):
    """Vision transformers that pool by a class token: the value path of the last block, as MaskCLIP."""

    name = "vision transformers with a class token (ViT-B-32)"

    def fits(self, visual: Any) -> bool:
        """Variants with another attention than torch's do not fit."""
        return (
            isinstance(visual, VisionTransformer)
            and visual.pool_type == "tok"
            and visual.attn_pool is None
            and isinstance(visual.transformer.resblocks[-1].attn, nn.MultiheadAttention)
        )

    def stride(self, visual: Any) -> int:
        return int(visual.patch_size[0])

    def fine(self, visual: Any) -> tuple[nn.Module, int]:
        blocks = visual.transformer.resblocks
        return blocks[len(blocks) * 2 // 3], self.stride(visual)

    def features(self, visual: Any, pictures: Tensor) -> Parts:
        """Patches are the last block's output, whose residual and MLP are left out of the dense path.

        ClearCLIP (Lan et al., ECCV 2024) found that they hold the noise of a value path; mAP@50 of the variants has not
        been measured here, for want of weights.
        """
        last = visual.transformer.resblocks[-1]
        x, (before, _) = visual.transformer.forward_intermediates(visual._embeds(pictures), indices=2)
        dense = visual.ln_post(self.value_path(last, before[:, 1:])) @ visual.proj
        pooled = visual._pool(x)[0] @ visual.proj
        return x[:, 1:], dense, normalize(pooled, dim=-1)

    def value_path(self, block: Any, x: Tensor) -> Tensor:
        """What the block's attention returns for each token of x [B, N, C] that attends to itself alone."""
        width = x.shape[-1]
        attention = block.attn
        bias = None if attention.in_proj_bias is None else attention.in_proj_bias[2 * width :]
        values = linear(block.ln_1(x), attention.in_proj_weight[2 * width :], bias)
        return block.ls_1(attention.out_proj(values))  # type: ignore[no-any-return]


class LatentPool(Kind):
    """timm transformers whose pool is attention by a learned query (SigLIP, PE): the pool's value path."""

    name = "timm transformers with an attention pool (ViT-B-16-SigLIP)"

    def fits(self, visual: Any) -> bool:
        """Pools with positions of their own do not fit: they cannot be resized."""
        pool = getattr(visual.trunk, "attn_pool", None) if isinstance(visual, TimmModel) else None
        return isinstance(pool, AttentionPoolLatent) and pool.pos_embed is None

    def features(self, visual: Any, pictures: Tensor) -> Parts:
        """Patches are the trunk's normalised output."""
        trunk = visual.trunk
        tokens = trunk.forward_features(pictures)
        patches = tokens[:, trunk.num_prefix_tokens :]
        dense = visual.head(trunk.head(trunk.fc_norm(self.value_path(trunk.attn_pool, patches))))
        pooled = visual.head(trunk.forward_head(tokens))
        return patches, dense, normalize(pooled, dim=-1)

    def value_path(self, pool: Any, x: Tensor) -> Tensor:
        """What the pool returns for each token of x [B, N, C] alone.

        With its MLP and the residual around it: the projection into the joint space was trained on their output only.
        """
        values: Tensor = pool.proj(pool.kv(x).chunk(2, dim=-1)[1])
        return values if pool.mlp is None else values + pool.mlp(pool.norm(values))


class AveragePool(Kind):
    """timm trunks that pool by averaging (ConvNeXt, ViTamin, MobileCLIP-S, Swin): their head at every cell."""

    name = "timm trunks with average pooling (convnext_base_w)"
    convolutions = True

    def fits(self, visual: Any) -> bool:
        """Trunks with prefix tokens, or with a pool in open_clip's own head, do not fit."""
        return (
            isinstance(visual, TimmModel)
            and not hasattr(visual.head, "pool")
            and getattr(visual.trunk, "attn_pool", None) is None
            and getattr(visual.trunk, "num_prefix_tokens", 0) == 0
            and self._pooling(visual.trunk) == "avg"
        )

    def _pooling(self, trunk: Any) -> str | None:
        """How the trunk pools: a layer of its head, a layer of its own, or a word."""
        pool = getattr(getattr(trunk, "head", None), "global_pool", None) or getattr(trunk, "global_pool", None)
        return getattr(pool, "pool_type", pool)

    def features(self, visual: Any, pictures: Tensor) -> Parts:
        """The head takes each cell as a map of one cell."""
        trunk = visual.trunk
        maps = trunk.forward_features(pictures)
        if maps.ndim == 3:  # [B, N, C]
            patches, alone = maps, [1, maps.shape[2]]
        elif getattr(trunk, "output_fmt", "NCHW") == "NHWC":
            patches, alone = maps.flatten(1, 2), [1, 1, maps.shape[3]]
        else:
            patches, alone = maps.flatten(2).transpose(1, 2), [maps.shape[1], 1, 1]
        batch, cells, _ = patches.shape
        dense = self._head(visual, patches.reshape(batch * cells, *alone)).view(batch, cells, -1)
        return patches, dense, normalize(self._head(visual, maps), dim=-1)

    def _head(self, visual: Any, maps: Tensor) -> Tensor:
        pooled: Tensor = visual.head(visual.trunk.forward_head(maps))
        return torch.flatten(pooled, 1)


KINDS: tuple[Kind, ...] = (AttentionPool(), ClassToken(), LatentPool(), AveragePool())


def kind_of(visual: Any, name: str) -> Kind:
    """The kind of the image tower `visual` of the model `name`; UsageError if none fits."""
    if found := next((kind for kind in KINDS if kind.fits(visual)), None):
        return found
    names = "; ".join(kind.name for kind in KINDS)
    raise UsageError(f"model.name {name!r} has an image tower without a dense path; supported are: {names}")


_RESNET_STRIDE = 32  # the stem and three stages halve or quarter the side


def resize_pool(visual: ModifiedResNet, size: int) -> None:
    """Interpolate the pool's positions to pictures of `size` pixels; open_clip does so for ViTs only."""
    positions = visual.attnpool.positional_embedding.detach()
    side = round((len(positions) - 1) ** 0.5)
    if (new := size // _RESNET_STRIDE) == side:
        return
    mean, cells = positions[:1], positions[1:].T.reshape(1, -1, side, side)
    # Bicubic with antialiasing, as open_clip's own resize_pos_embed.
    cells = interpolate(cells, size=(new, new), mode="bicubic", antialias=True)
    visual.attnpool.positional_embedding = nn.Parameter(torch.cat([mean, cells[0].flatten(1).T]))
