"""Scores of every method that needs no training: the teachers of the head, and its opponents."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor

from for_retrieval.model.encode import chunks
from for_retrieval.model.representations import clip, cluster_clip, dense_clip, ensemble_scores, pooled_dense, scores
from for_retrieval.model.tower import Features

BATCH = 256
ENSEMBLE = ("clip", "cluster-clip", "pooled")  # what it is made of
ALL = (*ENSEMBLE, "dense-clip", "ensemble")


@torch.inference_mode()
def training_free_scores(
    features: Features,
    texts: Tensor,
    grid: tuple[int, int],
    clusters: int,
    pool: int,
    names: Collection[str] = ALL,
    score: Callable[[Tensor, Tensor], Tensor] = scores,
) -> dict[str, Tensor]:
    """Scores [n, T] of each method in `names`.

    Args:
        texts: [T, D], L2-normalised; the scores are on their device.
        clusters: K of Cluster-CLIP. pool: the pooled dense map is `pool` x `pool`.
        score: of regions [B, K, D] and texts, [B, T].
    """
    methods: dict[str, Callable[[Features], Tensor]] = {
        "clip": clip,
        "dense-clip": dense_clip,
        "cluster-clip": lambda part: cluster_clip(part, clusters),
        "pooled": lambda part: pooled_dense(part, grid, pool),
    }
    needed = {*names, *(ENSEMBLE if "ensemble" in names else ())}
    rows: dict[str, list[Tensor]] = {name: [] for name in methods if name in needed}
    for part in chunks(features, BATCH, texts.device):
        for name, column in rows.items():
            column.append(score(methods[name](part), texts))
    out = {name: torch.cat(parts) for name, parts in rows.items()}
    if "ensemble" in names:
        out["ensemble"] = ensemble_scores(*(out[name] for name in ENSEMBLE))
    return {name: out[name] for name in names}
