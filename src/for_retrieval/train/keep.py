"""Objective `keep`: everything that Cluster-CLIP saw in an image stays covered by some query."""

from __future__ import annotations

import torch
from torch import Tensor

TEMPERATURE = 0.05


def keep_objective(regions: Tensor, clusters: Tensor) -> Tensor:
    """Set distillation: ``1 - mean over clusters c of 0.05 * LSE_k(cos(E_k, c) / 0.05)``.

    Args:
        regions: E [B, K, D] of the student, L2-normalised.
        clusters: [B, C, D] of Cluster-CLIP, L2-normalised.
    """
    cosines = clusters @ regions.transpose(1, 2)
    return 1 - (TEMPERATURE * torch.logsumexp(cosines / TEMPERATURE, dim=2)).mean()
