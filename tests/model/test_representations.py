"""The training-free representations against plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize
from torch.testing import assert_close

from for_retrieval.model.features import Features
from for_retrieval.model.training_free import (
    clip,
    cluster_clip,
    dense_clip,
    ensemble_scores,
    pooled_dense,
    scores,
    standardised,
)

Random = Callable[..., Features]


def unit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def naive_clusters(dense: Tensor, clusters: int, iterations: int = 10) -> NDArray[np.float64]:
    """Spherical k-means of one image's cells, as the docstring of cluster_clip says it."""
    cells = unit(dense.double().numpy())
    mean = unit(cells.mean(0))
    centres = [cells[np.argmax(cells @ mean)]]
    while len(centres) < min(clusters, len(cells)):
        similarity = [max(float(cell @ centre) for centre in centres) for cell in cells]
        centres.append(cells[int(np.argmin(similarity))])
    for _ in range(iterations):
        member = [int(np.argmax([cell @ centre for centre in centres])) for cell in cells]
        for k in range(len(centres)):
            mine = [cell for cell, m in zip(cells, member, strict=True) if m == k]
            if mine:
                centres[k] = unit(np.sum(mine, axis=0))
    return np.array(centres)


@pytest.mark.parametrize("clusters", [1, 3, 7])
def test_cluster_clip_equals_the_naive_loop(clusters: int, random_features: Random) -> None:
    features = random_features(4, 12)
    found = cluster_clip(features, clusters)
    for image in range(4):
        expected = torch.from_numpy(naive_clusters(features.dense[image], clusters)).float()
        assert_close(found[image], expected, rtol=0, atol=1e-5)


def test_cluster_clip_is_repeatable_and_independent_of_the_batch(random_features: Random) -> None:
    features = random_features(3, 20)
    found = cluster_clip(features, 5)
    assert_close(cluster_clip(features, 5), found, rtol=0, atol=0)
    assert_close(cluster_clip(features.rows(slice(1, 2)), 5), found[1:2], rtol=0, atol=1e-6)


def test_more_clusters_than_cells_gives_the_cells(random_features: Random) -> None:
    features = random_features(2, 4)
    found = cluster_clip(features, 10)
    assert found.shape == (2, 4, 8)
    similarity = found @ dense_clip(features).transpose(1, 2)
    assert_close(similarity.amax(1), torch.ones(2, 4))  # every cell is one of the centres
    assert_close(similarity.amax(2), torch.ones(2, 4))


def test_equal_cells_leave_no_nan(random_features: Random) -> None:
    features = random_features(1, 6)
    same = Features(features.patches, features.dense[:, :1].expand(-1, 6, -1), features.pooled, features.fine)
    found = cluster_clip(same, 3)
    assert_close(found, dense_clip(same)[:, :3])


@pytest.mark.parametrize(("grid", "side"), [((4, 4), 2), ((4, 6), 2), ((3, 5), 2), ((2, 2), 4)])
def test_pooled_dense_equals_numpy(grid: tuple[int, int], side: int, random_features: Random) -> None:
    features = random_features(2, grid[0] * grid[1])
    maps = features.dense.numpy().astype(np.float64).reshape(2, *grid, 8)
    windows = []
    for row in range(side):
        for column in range(side):
            # As adaptive pooling: from the floor of the window's start to the ceiling of its end.
            top, bottom = row * grid[0] // side, -(-(row + 1) * grid[0] // side)
            left, right = column * grid[1] // side, -(-(column + 1) * grid[1] // side)
            windows.append(maps[:, top:bottom, left:right].mean((1, 2)))
    expected = torch.from_numpy(unit(np.stack(windows, axis=1))).float()
    assert_close(pooled_dense(features, grid, side), expected, rtol=0, atol=1e-5)


def test_shapes_and_norms(random_features: Random) -> None:
    features = random_features(3, 16)
    for regions, count in (
        (clip(features), 1),
        (dense_clip(features), 16),
        (pooled_dense(features, (4, 4), 2), 4),
    ):
        assert regions.shape == (3, count, 8)
        assert_close(regions.norm(dim=-1), torch.ones(3, count))
    assert_close(clip(features)[:, 0], features.pooled)


def test_scores_are_the_best_regions(random_features: Random) -> None:
    regions = dense_clip(random_features(3, 5))
    texts = dense_clip(random_features(1, 4, seed=9))[0]
    found = scores(regions, texts)
    for image in range(3):
        for text in range(4):
            best = max(float(region @ texts[text]) for region in regions[image])
            assert float(found[image, text]) == pytest.approx(best, abs=1e-6)


def test_querybank_scores_follow_their_formula(random_features: Random) -> None:
    regions, texts = dense_clip(random_features(3, 5)), dense_clip(random_features(1, 4, seed=9))[0]
    found, cosines = scores(regions, texts, 0.1), (regions @ texts.T).tolist()
    for image in range(3):
        for text in range(4):
            each = [cell[text] - 0.1 * math.log(sum(math.exp(c / 0.1) for c in cell)) for cell in cosines[image]]
            assert float(found[image, text]) == pytest.approx(max(each), abs=1e-5)


def test_a_querybank_takes_a_hub_out_of_the_way() -> None:
    """The second image is near to every text; the first is farther from the one that is asked, but near to no other."""
    texts = torch.eye(4)[:3]
    regions = normalize(torch.tensor([[[0.6, 0.0, 0.0, 0.8]], [[0.65, 0.5, 0.5, 0.28]]]), dim=-1)
    assert scores(regions, texts)[:, 0].argmax() == 1
    assert scores(regions, texts, 0.1)[:, 0].argmax() == 0


def test_ensemble_is_the_weighted_sum_of_z_scores() -> None:
    parts = [torch.randn(20, 3, generator=torch.Generator().manual_seed(s)) for s in range(3)]
    z = [(p - p.mean(0)) / p.std(0) for p in parts]
    assert_close(ensemble_scores(*parts), 0.5 * z[0] + z[1] + z[2])
    assert_close(ensemble_scores(*(3 * p + 1 for p in parts)), ensemble_scores(*parts), rtol=0, atol=1e-4)


def test_a_text_that_no_image_changes_counts_nothing() -> None:
    assert_close(standardised(torch.full((5, 2), 0.3)), torch.zeros(5, 2))
