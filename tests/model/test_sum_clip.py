"""SUM-CLIP: where it starts, where it looks, and that it can leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from for_retrieval.model.features import Cells, Features, Layout
from for_retrieval.model.sum_clip import SumClip, pool_weights, summarise
from for_retrieval.params import Head

SHAPES = [((4, 4), (8, 8), 4), ((3, 5), (6, 10), 12), ((7, 7), (7, 7), 1)]  # grid, fine grid, proposals
Grid = tuple[int, int]


@pytest.fixture
def head(head_params: Callable[..., Head]) -> Callable[..., SumClip]:
    def make(grid: Grid = (4, 4), fine: Grid = (8, 8), proposals: int = 4) -> SumClip:
        torch.manual_seed(0)
        layout = Layout(Cells(grid, (6,)), Cells(fine, (3, 2)), 8)
        return SumClip(head_params(proposals=proposals), layout).eval()

    return make


def features_of(it: SumClip, make: Callable[..., Features], batch: int = 3) -> Features:
    coarse, fine = it.layout.coarse.grid, it.layout.fine.grid
    return make(batch, coarse[0] * coarse[1], fine=fine[0] * fine[1])


@pytest.mark.parametrize(("grid", "fine", "proposals"), SHAPES)
def test_it_starts_as_the_dense_embeddings_at_and_around_each_box(
    grid: Grid,
    fine: Grid,
    proposals: int,
    head: Callable[..., SumClip],
    random_features: Callable[..., Features],
) -> None:
    it = head(grid, fine, proposals)
    features = features_of(it, random_features)
    with torch.no_grad():
        found = it(features)
    dense = normalize(features.dense, dim=-1)
    side = torch.tensor([1 / fine[1], 1 / fine[0]])
    pooled = sum(
        pool_weights(found.boxes, it.layout.coarse, spread, least * side) @ dense
        for spread, least in ((0.3, 0.625), (0.8, 1.25))
    )
    assert found.regions.shape == (3, proposals + 4, 8)
    assert_close(found.regions, normalize(pooled, dim=-1), rtol=0, atol=1e-6)


def test_a_pool_looks_at_its_box() -> None:
    cells = Cells((8, 8), (1,))
    boxes = torch.tensor([[[0.25, 0.75, 0.25, 0.25], [0.5, 0.5, 1.0, 1.0]]])
    weights = pool_weights(boxes, cells, 0.3, torch.tensor([0.02, 0.02]))
    assert_close(weights.sum(-1), torch.ones(1, 2))
    small, whole = weights[0].view(2, 8, 8)
    assert small[5:7, 1:3].sum() > 0.8
    assert whole.max() < 0.05
    assert_close(whole, whole.T)


def test_an_image_is_embedded_alike_whatever_is_embedded_with_it(
    head: Callable[..., SumClip], random_features: Callable[..., Features]
) -> None:
    it = head()
    features = features_of(it, random_features, 5)
    with torch.no_grad():
        together = it(features)
        alone = it(features.rows(slice(2, 3)))
    assert_close(together.regions[2:3], alone.regions, rtol=0, atol=1e-6)
    assert_close(together.boxes[2:3], alone.boxes, rtol=0, atol=1e-6)


def test_gradient_reaches_what_starts_at_zero(
    head: Callable[..., SumClip], random_features: Callable[..., Features]
) -> None:
    it = head()
    looked = it.look(features_of(it, random_features))
    target = normalize(torch.randn(8, generator=torch.Generator().manual_seed(3)), dim=0)
    optimiser = torch.optim.SGD(it.parameters(), lr=0.5)
    for step in range(2):
        optimiser.zero_grad()
        loss = -(it.embed(looked).regions @ target).mean()
        loss.backward()
        parts = {"last": it.last}
        if step:  # what lies before the zero layer learns once it has moved
            parts |= {"first": it.first, "second": it.second}
        for name, layer in parts.items():
            assert layer.weight.grad.abs().max() > 0, (step, name)
        optimiser.step()
        looked = replace(looked, inputs=looked.inputs.detach())


def test_the_head_in_half_precision_has_full_precision_results(
    head: Callable[..., SumClip], random_features: Callable[..., Features]
) -> None:
    made = head()
    features = features_of(made, random_features)
    for parameter in made.parameters():  # away from the start, where the last layer gives zeros
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        looked, exact, on_cpu = made.look(features), made(features), summarise(made, features)
        with torch.autocast("cpu", torch.bfloat16):  # as summarise does on CUDA
            found = made.embed(looked)
    assert torch.equal(on_cpu.regions, exact.regions)
    assert found.regions.dtype == found.boxes.dtype == torch.float32
    assert_close(found.regions.norm(dim=-1), torch.ones(3, 8), rtol=0, atol=1e-6)
    assert_close(found.regions, exact.regions, rtol=0, atol=0.03)
    assert not torch.equal(found.regions, exact.regions)
