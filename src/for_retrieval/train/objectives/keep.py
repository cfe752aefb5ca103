"""Objective `keep`: every Cluster-CLIP embedding of an image stays covered by some query."""

from __future__ import annotations

import torch
from torch import Tensor

from for_retrieval.params import Contrast
from for_retrieval.train.lesson import Batch


def loss(batch: Batch, settings: Contrast) -> Tensor:
    """`uncovered` of Cluster-CLIP's embeddings of the images."""
    return uncovered(batch.summary.regions, batch.of(batch.lesson.clusters).float(), settings.temperature)


def uncovered(regions: Tensor, clusters: Tensor, temperature: float) -> Tensor:
    """Set distillation: ``1 - mean over clusters c of T * LSE_k(cos(E_k, c) / T)``, T the temperature.

    regions: E [B, K, D] of the student, L2-normalised. clusters: [B, C, D] of Cluster-CLIP, L2-normalised.
    """
    cosines = clusters @ regions.transpose(1, 2)
    return 1 - (temperature * torch.logsumexp(cosines / temperature, dim=2)).mean()
