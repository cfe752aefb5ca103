"""Objective `region`: a region that lies on an object learns what it is."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from for_retrieval.params import Region
from for_retrieval.train.lesson import Batch


def loss(batch: Batch, settings: Region) -> Tensor:
    """Cross-entropy of ``cos(E_k, t) / T`` over the base names, for regions that overlap an object enough.

    A region on several objects learns the one that it overlaps most. The mean over these regions; 0 without any.
    """
    overlap, objects = batch.overlap, batch.objects
    if not overlap.numel():
        return batch.summary.regions.sum() * 0
    most, place = overlap.max(2)  # [B, K]
    on = most >= settings.overlap
    cosines = batch.summary.regions[on] @ batch.lesson.base_texts.T
    total = cross_entropy(cosines / settings.temperature, objects.category.gather(1, place)[on], reduction="sum")
    return total / on.sum().clamp(min=1)
