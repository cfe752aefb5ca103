"""Scores of every method that needs no training: the teachers of the head, and its opponents."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from for_retrieval.model.encode import chunks
from for_retrieval.model.representations import clip, cluster_clip, dense_clip, ensemble_scores, pooled_dense, scores
from for_retrieval.model.tower import Features

BATCH = 256


@torch.inference_mode()
def training_free_scores(
    features: Features, texts: Tensor, grid: tuple[int, int], clusters: int, pool: int
) -> dict[str, Tensor]:
    """Scores [n, T] under ``clip``, ``dense-clip``, ``cluster-clip``, ``pooled`` and ``ensemble``.

    Args:
        texts: [T, D], L2-normalised; the scores are on their device.
        clusters: K of Cluster-CLIP. pool: the pooled dense map is `pool` x `pool`.
    """
    methods: dict[str, Callable[[Features], Tensor]] = {
        "clip": clip,
        "dense-clip": dense_clip,
        "cluster-clip": lambda part: cluster_clip(part, clusters),
        "pooled": lambda part: pooled_dense(part, grid, pool),
    }
    rows: dict[str, list[Tensor]] = {name: [] for name in methods}
    for part in chunks(features, BATCH, texts.device):
        for name, represent in methods.items():
            rows[name].append(scores(represent(part), texts))
    out = {name: torch.cat(parts) for name, parts in rows.items()}
    out["ensemble"] = ensemble_scores(out["clip"], out["cluster-clip"], out["pooled"])
    return out
