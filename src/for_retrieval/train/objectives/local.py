"""Objective `local`: within an image, a name is nearest to the regions that lie on its objects."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from for_retrieval.params import Local
from for_retrieval.train.lesson import Batch


def loss(batch: Batch, settings: Local) -> Tensor:
    """``-log`` of the share of the regions on a name's objects, in a softmax of ``cos(E_k, t) / T`` over an image's K.

    Regions that overlap an object of the name a little count for nothing. The mean over the pairs of image and base
    name that have a region on an object and one beside; 0 where there is none.
    """
    overlap, category, texts = batch.overlap, batch.objects.category, batch.lesson.base_texts
    if not overlap.numel():
        return batch.summary.regions.sum() * 0
    member = one_hot(category.clamp(min=0), len(texts)) * (category >= 0).unsqueeze(2)  # [B, M, T]
    best = (overlap.unsqueeze(3) * member.unsqueeze(1)).amax(2)  # [B, K, T] with objects of each name
    on, off = best >= settings.overlap, best < settings.ignore
    x = batch.summary.regions @ texts.T / settings.temperature
    usable = on.any(1) & off.any(1)
    everything = torch.logsumexp(x.masked_fill(~(on | off), float("-inf")), 1)[usable]
    right = torch.logsumexp(x.masked_fill(~on, float("-inf")), 1)[usable]
    return (everything - right).sum() / usable.sum().clamp(min=1)
