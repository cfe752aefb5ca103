"""The training-free representations and the scores of every method that needs no training."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, normalize, one_hot

from for_retrieval.model.features import Features


def clip(features: Features) -> Tensor:
    """CLIP: the tower's own pooled embedding, K = 1."""
    return features.pooled.unsqueeze(1)


def dense_clip(features: Features) -> Tensor:
    """Dense-CLIP: every cell, K = N."""
    return normalize(features.dense, dim=-1)


def pooled_dense(features: Features, grid: tuple[int, int], side: int) -> Tensor:
    """Dense-CLIP averaged over `side` x `side` windows, K = side squared."""
    maps = torch.unflatten(features.dense.transpose(1, 2), 2, grid)
    return normalize(adaptive_avg_pool2d(maps, side).flatten(2).transpose(1, 2), dim=-1)


def cluster_clip(features: Features, clusters: int, iterations: int = 10) -> Tensor:
    """Cluster-CLIP: spherical k-means over the cells of each image, K = min(`clusters`, N).

    The first centre is the cell nearest to the image's mean, each next one the cell farthest from all centres so far,
    so that nothing is random. A cluster that loses its last cell keeps its centre.
    """
    cells = normalize(features.dense, dim=-1)
    clusters = min(clusters, cells.shape[1])
    mean = normalize(cells.mean(1, keepdim=True), dim=-1)
    batch = torch.arange(len(cells), device=cells.device)
    centres = cells[batch, (cells @ mean.transpose(1, 2)).squeeze(2).argmax(1)].unsqueeze(1)
    nearest = (cells @ centres.transpose(1, 2)).squeeze(2)
    for _ in range(clusters - 1):
        farthest = cells[batch, nearest.argmin(1)].unsqueeze(1)
        centres = torch.cat([centres, farthest], 1)
        nearest = torch.maximum(nearest, (cells @ farthest.transpose(1, 2)).squeeze(2))
    for _ in range(iterations):
        member = (cells @ centres.transpose(1, 2)).argmax(2)
        weights = one_hot(member, clusters).to(cells.dtype).transpose(1, 2)
        empty = weights.sum(2, keepdim=True) == 0
        centres = torch.where(empty, centres, normalize(weights @ cells, dim=-1))
    return centres


def scores(regions: Tensor, texts: Tensor, querybank: float = 0.0) -> Tensor:
    """``s(image, text) = max_k cos(E_k, t)``: [B, K, D] and [T, D] -> [B, T].

    With a temperature T of the `querybank` a region that is near to many texts counts less:
    ``max_k [cos(E_k, t) - T * LSE_v(cos(E_k, v) / T)]`` over the bank of all `texts` v: the inverted softmax of Smith
    et al., 2017, against hubs, as in Bogolin et al., "Cross Modal Retrieval with Querybank Normalisation", 2022; here
    by region (D).
    """
    cosines = regions @ texts.T
    if querybank:
        cosines = cosines - querybank * torch.logsumexp(cosines / querybank, dim=-1, keepdim=True)
    return cosines.amax(1)


def standardised(columns: Tensor) -> Tensor:
    """z-scores of each text's column over the images [n, T]."""
    return (columns - columns.mean(0)) / columns.std(0).clamp(min=1e-6)


def ensemble_scores(whole: Tensor, clustered: Tensor, windows: Tensor) -> Tensor:
    """The training-free ensemble: half the global score, the clusters' and the pooled map's, as z-scores."""
    return 0.5 * standardised(whole) + standardised(clustered) + standardised(windows)


ENSEMBLE = ("clip", "cluster-clip", "pooled")  # what it is made of
ALL = (*ENSEMBLE, "dense-clip", "ensemble")


@dataclass(frozen=True)
class TrainingFree:
    """The methods that need no training, with their sizes."""

    grid: tuple[int, int]  # rows and columns of cells
    clusters: int  # K of Cluster-CLIP
    pool: int  # the pooled dense map is `pool` x `pool`

    @torch.inference_mode()
    def scores(
        self, features: Features, texts: Tensor, names: Collection[str] = ALL, querybank: float = 0.0
    ) -> dict[str, Tensor]:
        """`scores` [n, T] of each method in `names`, on the device of `texts` [T, D], which are L2-normalised."""
        methods: dict[str, Callable[[Features], Tensor]] = {
            "clip": clip,
            "dense-clip": dense_clip,
            "cluster-clip": lambda part: cluster_clip(part, self.clusters),
            "pooled": lambda part: pooled_dense(part, self.grid, self.pool),
        }
        needed = {*names, *(ENSEMBLE if "ensemble" in names else ())}
        rows: dict[str, list[Tensor]] = {name: [] for name in methods if name in needed}
        for part in features.chunks(texts.device):
            for name, column in rows.items():
                column.append(scores(methods[name](part), texts, querybank))
        out = {name: torch.cat(parts) for name, parts in rows.items()}
        if "ensemble" in names:
            out["ensemble"] = ensemble_scores(*(out[name] for name in ENSEMBLE))
        return {name: out[name] for name in names}
