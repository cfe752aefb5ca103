"""Dense-CLIP by kind of tower: what must hold exactly, on tiny towers with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import timm
import torch
from open_clip.timm_model import TimmModel
from tiny_models import SUPPORTED
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.testing import assert_close

from for_retrieval.errors import UsageError
from for_retrieval.model.dense import (
    KINDS,
    AveragePool,
    ClassToken,
    LatentPool,
    captured,
    cells_of,
    kind_of,
    resize_pool,
)
from for_retrieval.model.open_clip_tower import OpenClipTower
from for_retrieval.params import Model

pytestmark = pytest.mark.usefixtures("zoo")


@pytest.mark.parametrize("name", SUPPORTED)
def test_features_of_every_kind(name: str, tower: Callable[..., Any], pictures: Callable[..., Tensor]) -> None:
    it = tower(name)
    batch = pictures(3, 64)
    found = it.features(batch)
    cells = it.layout.coarse.grid[0] * it.layout.coarse.grid[1]
    assert found.patches.shape == (3, cells, sum(it.layout.coarse.dims))
    assert found.dense.shape == (3, cells, it.layout.dim)
    assert found.fine.shape == (3, it.layout.fine.grid[0] * it.layout.fine.grid[1], *it.layout.fine.dims)
    with torch.inference_mode():
        assert_close(found.pooled, it._model.encode_image(batch, normalize=True), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SUPPORTED)
def test_cells_are_in_reading_order(name: str, tower: Callable[..., Any], pictures: Callable[..., Tensor]) -> None:
    it = tower(name, 128)
    plain, changed = pictures(1, 128), pictures(1, 128)
    changed[:, :, 96:, :32] = -3  # the bottom left corner
    moved = (it.features(changed).dense - it.features(plain).dense).norm(dim=-1).view(it.layout.coarse.grid)
    row, column = divmod(int(moved.argmax()), it.layout.coarse.grid[1])
    assert row >= it.layout.coarse.grid[0] // 2
    assert column < it.layout.coarse.grid[1] // 2


@pytest.mark.parametrize("name", SUPPORTED)
def test_a_dot_is_where_its_cell_is(name: str, tower: Callable[..., Any]) -> None:
    """On both maps the cell that a dot changes most is one whose centre is near."""
    it = tower(name, 128)
    for x, y in ((24, 40), (72, 24), (104, 88), (56, 104)):
        plain = torch.zeros(1, 3, 128, 128)
        dotted = plain.clone()
        dotted[:, :, y - 4 : y + 4, x - 4 : x + 4] = 4
        before, after = it.features(plain), it.features(dotted)
        for cells, change in (
            (it.layout.fine, after.fine - before.fine),
            (it.layout.coarse, after.patches - before.patches),
        ):
            centre = cells.centres()[int(change.norm(dim=-1).argmax())] * 128
            assert (centre - torch.tensor([x, y])).abs().max() <= 128 / cells.grid[0], (x, y)


def test_a_teacher_hands_out_no_fine_cells(
    checkpoint: Callable[[str], Path], model_params: Callable[..., Model], pictures: Callable[..., Tensor]
) -> None:
    params = model_params(name="tiny-vit", pretrained=str(checkpoint("tiny-vit")))
    teacher = OpenClipTower(params, torch.device("cpu"), Path("/nowhere"), "teacher_size")
    assert teacher.features(pictures(2, 64)).fine.shape[:2] == (2, 0)


def test_attention_pool_weighs_dense_embeddings(tower: Callable[..., Any], pictures: Callable[..., Tensor]) -> None:
    it = tower("tiny-resnet")
    pool = it._model.visual.attnpool
    found = it.features(pictures(2, 64))
    with torch.inference_mode():
        tokens = torch.cat([found.patches.mean(1, keepdim=True), found.patches], 1) + pool.positional_embedding
        query, key = pool.q_proj(tokens[:, :1]), pool.k_proj(tokens)
        attention = (query @ key.transpose(1, 2) / key.shape[-1] ** 0.5).softmax(-1)  # [B, 1, 1 + N]
        mean_cell = pool.c_proj(pool.v_proj(tokens[:, :1]))
        pooled = attention @ torch.cat([mean_cell, found.dense], 1)
    assert_close(normalize(pooled.squeeze(1), dim=-1), found.pooled, rtol=0, atol=1e-4)


def test_attention_pool_with_equal_attention_is_the_mean(
    tower: Callable[..., Any], pictures: Callable[..., Tensor]
) -> None:
    it = tower("tiny-resnet-2")
    pool = it._model.visual.attnpool
    for parameter in pool.q_proj.parameters():
        nn.init.zeros_(parameter)
    found = it.features(pictures(2, 64))
    with torch.inference_mode():
        mean_cell = pool.c_proj(pool.v_proj(found.patches.mean(1) + pool.positional_embedding[0]))
        pooled = torch.cat([mean_cell.unsqueeze(1), found.dense], 1).mean(1)
    assert_close(normalize(pooled, dim=-1), found.pooled, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["tiny-vit", "tiny-vit-plain"])
def test_value_path_is_attention_to_oneself(
    name: str, tower: Callable[..., Any], pictures: Callable[..., Tensor]
) -> None:
    it = tower(name)
    visual = it._model.visual
    block = visual.transformer.resblocks[-1]
    tokens = torch.randn(2, 17, 32)
    alone = torch.full((17, 17), float("-inf")).fill_diagonal_(0)
    with torch.inference_mode():
        attended = block.ls_1(block.attention(block.ln_1(tokens), attn_mask=alone))
        assert_close(ClassToken().value_path(block, tokens), attended, rtol=0, atol=1e-5)
        before = visual.transformer.resblocks[0](visual._embeds(pictures(2, 64)))
        attended = block.ls_1(block.attention(block.ln_1(before), attn_mask=alone))
        dense = visual.ln_post(attended[:, 1:]) @ visual.proj
    assert_close(it.features(pictures(2, 64)).dense, dense, rtol=0, atol=1e-4)


def test_latent_pool_of_one_token_is_its_dense_embedding(
    tower: Callable[..., Any], pictures: Callable[..., Tensor]
) -> None:
    it = tower("tiny-map")
    visual = it._model.visual
    found = it.features(pictures(2, 64))
    with torch.inference_mode():
        for cell in range(found.patches.shape[1]):
            alone = visual.trunk.attn_pool(found.patches[:, cell : cell + 1])
            assert_close(found.dense[:, cell], visual.head(visual.trunk.head(alone)), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("trunk", "options"),
    [
        (
            "swin_tiny_patch4_window7_224",
            {"embed_dim": 16, "depths": (1, 1), "num_heads": (1, 2), "window_size": 4},
        ),
        ("vit_tiny_patch16_224", {"embed_dim": 32, "depth": 1, "num_heads": 2, "class_token": False}),
        ("test_convnext", {}),
    ],
)
def test_average_pool_of_every_layout(trunk: str, options: dict[str, Any], pictures: Callable[..., Tensor]) -> None:
    visual: Any = TimmModel("test_convnext", embed_dim=8)
    size = {} if trunk == "test_convnext" else {"img_size": 64}
    visual.trunk = timm.create_model(trunk, num_classes=0, global_pool="avg", **size, **options)
    visual.head = nn.Linear(visual.trunk.num_features, 8)
    visual.eval()
    average_pool = kind_of(visual, "any")
    assert isinstance(average_pool, AveragePool)
    with torch.inference_mode():
        block, stride = average_pool.fine(visual)
        with captured(block) as outputs:
            patches, dense, pooled = average_pool.features(visual, pictures(2, 64))
        assert_close(pooled, normalize(visual(pictures(2, 64)), dim=-1), rtol=0, atol=1e-5)
    cells = (64 // average_pool.stride(visual)) ** 2
    assert dense.shape == (2, cells, 8)
    assert patches.shape[:2] == (2, cells)
    side = 64 // stride
    assert cells_of(outputs[0], (side, side)).shape[:2] == (2, side * side)
    assert stride <= average_pool.stride(visual)


def test_one_cell_is_the_whole_picture(tower: Callable[..., Any], pictures: Callable[..., Tensor]) -> None:
    it = tower("tiny-convnext", 32)
    found = it.features(pictures(2, 32))
    assert it.layout.coarse.grid == (1, 1)
    assert_close(normalize(found.dense[:, 0], dim=-1), found.pooled, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["tiny-token", "tiny-average"])
def test_other_towers_are_refused_with_the_supported_kinds(name: str) -> None:
    visual = open_clip.create_model(name).visual
    with pytest.raises(UsageError) as caught:
        kind_of(visual, name)
    assert name in str(caught.value)
    assert all(kind.name in str(caught.value) for kind in KINDS)


def test_attention_pool_positions_are_interpolated() -> None:
    visual: Any = open_clip.create_model("tiny-resnet").visual
    positions = visual.attnpool.positional_embedding.detach().clone()
    resize_pool(visual, 64)
    assert_close(visual.attnpool.positional_embedding.detach(), positions, rtol=0, atol=0)
    visual.attnpool.positional_embedding.data[1:] = positions[1]
    resize_pool(visual, 160)
    resized = visual.attnpool.positional_embedding.detach()
    assert resized.shape == (1 + 5 * 5, 256)
    assert_close(resized[0], positions[0], rtol=0, atol=0)
    assert_close(resized[1:], positions[1].expand(25, -1), rtol=0, atol=1e-5)


def test_latent_pool_with_positions_is_refused() -> None:
    visual: Any = open_clip.create_model("tiny-map").visual
    assert LatentPool().fits(visual)
    visual.trunk.attn_pool.pos_embed = nn.Parameter(torch.zeros(100, 64))
    assert not LatentPool().fits(visual)
