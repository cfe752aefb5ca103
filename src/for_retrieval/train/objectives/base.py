"""Objective `base`: labelled images are told apart by their categories."""

from __future__ import annotations

import torch
from torch import Tensor

from for_retrieval.params import Contrast
from for_retrieval.train.lesson import Batch


def loss(batch: Batch, settings: Contrast) -> Tensor:
    """`contrast` over the base categories on labelled images."""
    lesson = batch.lesson
    scores = batch.scores(lesson.base_texts)
    return contrast(scores, batch.of(lesson.labels), batch.of(lesson.counted), settings.temperature)


def contrast(
    scores: Tensor, positive: Tensor, counted: Tensor, temperature: float, weights: Tensor | None = None
) -> Tensor:
    """Softmax contrast of each text's positive images against its negatives in the batch.

    For a text with positives P and negatives N, and x = score / temperature:
    ``-mean over p in P of [x_p - log(e^x_p + sum over n in N of e^x_n)]`` (the multi-positive InfoNCE of
    Khosla et al., "Supervised Contrastive Learning", 2020, with other positives left out of the sum).

    scores: [B, T] image-text scores. positive: [B, T] bool. counted: [B, T] bool; what is not counted is neither
    positive nor negative. weights: [T] of the texts in the mean, positive; all 1 where not given. Returns the weighted
    mean over texts with a counted positive and negative; 0 if there is none.
    """
    x = scores / temperature
    positive, negative = positive & counted, ~positive & counted
    rest = torch.logsumexp(x.masked_fill(~negative, float("-inf")), dim=0)
    usable = positive.any(0) & negative.any(0)
    terms = torch.logaddexp(x, rest.masked_fill(~usable, 0.0)) - x
    per_text = (terms * positive).sum(0) / positive.sum(0).clamp(min=1)
    share = usable.to(scores.dtype) if weights is None else usable * weights.to(scores.dtype)
    return (per_text * share).sum() / share.sum().clamp(min=torch.finfo(scores.dtype).tiny)
