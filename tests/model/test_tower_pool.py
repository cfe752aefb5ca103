"""SUM-CLIP on a tower that pools by attention: it starts as that pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.testing import assert_close

from for_retrieval.model.dense import TowerPool
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.params import Head

pytestmark = pytest.mark.usefixtures("zoo")
HeadParams = Callable[..., Head]


def head_of(it: Any, params: Head) -> SumClip:
    torch.manual_seed(0)
    return SumClip(params, it.grid, it.patch_dim, it.dim, it.pool)


@pytest.mark.parametrize("name", ["tiny-resnet", "tiny-resnet-2"])
@pytest.mark.parametrize("size", [64, 128])
def test_one_query_without_refinement_is_the_pooled_embedding(
    name: str, size: int, tower: Callable[..., Any], pictures: Callable[..., Tensor], head_params: HeadParams
) -> None:
    it = tower(name, size)
    features = it.features(pictures(3, size))
    with torch.no_grad():
        found = head_of(it, head_params(queries=1))(features)
    assert_close(found.regions[:, 0], features.pooled, rtol=0, atol=1e-4)
    assert_close(found.boxes, torch.tensor([0.5, 0.5, 1.0, 1.0]).expand(3, 1, 4), rtol=0, atol=1e-3)


def test_each_of_many_queries_is_the_pool_within_its_window(
    tower: Callable[..., Any], pictures: Callable[..., Tensor], head_params: HeadParams
) -> None:
    it = tower("tiny-resnet", 128)
    features = it.features(pictures(2, 128))
    head = head_of(it, head_params(queries=4))
    with torch.no_grad():
        found = head(features)
        for query in range(4):
            alone, attention = it.pool(features.patches, head.windows[query : query + 1], False)
            assert_close(found.regions[:, query], normalize(alone[:, 0], dim=-1), rtol=0, atol=1e-5)
            assert_close(found.attention[:, query], attention[:, 0], rtol=0, atol=1e-5)
    maps = found.attention.unflatten(-1, it.grid).mean(0)
    quarters = [maps[0, :2, :2], maps[1, :2, 2:], maps[2, 2:, :2], maps[3, 2:, 2:]]
    assert all(quarter.sum() > 0.5 for quarter in quarters)
    assert_close(found.attention.sum(-1), torch.ones(2, 4))


def test_the_pool_is_frozen_and_not_saved(tower: Callable[..., Any], head_params: HeadParams) -> None:
    it = tower("tiny-resnet")
    head, without = head_of(it, head_params(queries=4)), SumClip(head_params(queries=4), it.grid, it.patch_dim, it.dim)
    assert isinstance(it.pool, TowerPool)
    assert set(head.state_dict()) == set(without.state_dict())
    assert list(it.pool.parameters()) == []


@pytest.mark.parametrize("name", ["tiny-vit", "tiny-map"])
def test_other_towers_have_no_pool(name: str, tower: Callable[..., Any]) -> None:
    assert tower(name).pool is None
