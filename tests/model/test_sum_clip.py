"""SUM-CLIP: where it starts, and that it can leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from for_retrieval.model.features import Features
from for_retrieval.model.sum_clip import SumClip, summarise, window_logits
from for_retrieval.params import Head

SHAPES = [((4, 4), 4), ((3, 5), 5), ((8, 2), 7), ((4, 4), 1), ((2, 2), 9)]  # grid, queries


@pytest.fixture
def head(head_params: Callable[..., Head]) -> Callable[..., SumClip]:
    def make(grid: tuple[int, int], queries: int) -> SumClip:
        torch.manual_seed(0)
        return SumClip(head_params(queries=queries), grid, patch_dim=6, dim=8)

    return make


@pytest.mark.parametrize(("grid", "queries"), SHAPES)
def test_starts_as_windows_over_the_dense_embeddings(
    grid: tuple[int, int],
    queries: int,
    head: Callable[..., SumClip],
    random_features: Callable[..., Features],
) -> None:
    features = random_features(3, grid[0] * grid[1])
    with torch.no_grad():
        found = head(grid, queries)(features)
    windows = window_logits(queries, grid).softmax(-1)
    assert_close(found.attention, windows.expand(3, -1, -1), rtol=0, atol=0)
    mixture = found.attention @ normalize(features.dense, dim=-1)
    assert_close(found.regions, normalize(mixture, dim=-1), rtol=0, atol=0)


@pytest.mark.parametrize(("grid", "queries"), SHAPES)
def test_shapes_norms_and_rows_that_sum_to_one(
    grid: tuple[int, int],
    queries: int,
    head: Callable[..., SumClip],
    random_features: Callable[..., Features],
) -> None:
    it = head(grid, queries)
    with torch.no_grad():
        for parameter in it.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))  # as after training
        found = it(random_features(2, grid[0] * grid[1]))
    assert found.regions.shape == (2, queries, 8)
    assert found.attention.shape == (2, queries, grid[0] * grid[1])
    assert_close(found.regions.norm(dim=-1), torch.ones(2, queries))
    assert_close(found.attention.sum(-1), torch.ones(2, queries))


def test_windows_look_at_their_own_part() -> None:
    windows = window_logits(6, (6, 9)).softmax(-1).view(6, 6, 9)  # 2 rows of 3
    for query in range(6):
        row, column = divmod(query, 3)
        own = windows[query, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3].sum()
        assert own > 0.5


def test_gradient_reaches_what_starts_at_zero(
    head: Callable[..., SumClip], random_features: Callable[..., Features]
) -> None:
    it, features = head((3, 5), 5), random_features(4, 15)
    target = normalize(torch.randn(8, generator=torch.Generator().manual_seed(3)), dim=0)
    optimiser = torch.optim.SGD(it.parameters(), lr=0.5)
    for step in range(2):
        optimiser.zero_grad()
        loss = -(it(features).regions @ target).mean()
        loss.backward()
        parts = {"to_key": it.to_key, "values": it.values[2], "outward": it.outward}
        if step:  # what lies before the zero layers learns once they have moved
            parts |= {"feed_forward": it.layers[0].feed_forward[2], "first value": it.values[0]}
        for name, layer in parts.items():
            assert layer.weight.grad.abs().max() > 0, (step, name)
        optimiser.step()


def test_it_can_be_trained(head: Callable[..., SumClip], random_features: Callable[..., Features]) -> None:
    it, features = head((3, 5), 5), random_features(4, 15)
    target = normalize(torch.randn(8, generator=torch.Generator().manual_seed(3)), dim=0)
    optimiser = torch.optim.AdamW(it.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = -(it(features).regions @ target).mean()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.3


def test_the_head_in_half_precision_has_full_precision_results(
    head: Callable[..., SumClip], random_features: Callable[..., Features]
) -> None:
    features, made = random_features(3, 16), head((4, 4), 4)
    for parameter in made.parameters():  # away from the start, where the linear layers give zeros
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        exact, on_cpu = made(features), summarise(made, features)
        with torch.autocast("cpu", torch.bfloat16):  # as summarise does on CUDA
            found = made(features)
    assert torch.equal(on_cpu.regions, exact.regions)
    assert found.regions.dtype == found.attention.dtype == torch.float32
    assert_close(found.regions.norm(dim=-1), torch.ones(3, 4), rtol=0, atol=1e-6)
    assert_close(found.regions, exact.regions, rtol=0, atol=0.03)
    assert not torch.equal(found.regions, exact.regions)
