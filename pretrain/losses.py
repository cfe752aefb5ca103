"""The objectives of the tower's own training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, normalize


def contrast(logits: Tensor, positive: Tensor) -> Tensor:
    """Multi-positive contrast along the rows of [n, m]: each positive against all negatives of its row.

    ``-mean over positives of [x - log(e^x + sum over negatives e^x)]``; rows without a positive do not count.
    """
    negatives = torch.logsumexp(logits.masked_fill(positive, -1e4), dim=1, keepdim=True)
    terms = torch.logaddexp(logits, negatives) - logits
    per_row = (terms * positive).sum(1) / positive.sum(1).clamp(min=1)
    used = positive.any(1)
    return per_row[used].mean()


def both_ways(logits: Tensor, positive: Tensor) -> Tensor:
    """`contrast` over rows and over columns."""
    return contrast(logits, positive) + contrast(logits.T, positive.T)


def keep_photographs(student: Tensor, teacher: Tensor, logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Hold the tower to plain ConSE on photographs: same direction in the joint space, same classes.

    Args:
        student, teacher: embeddings [n, 256].
        logits, teacher_logits: ImageNet logits [n, 1000].
    """
    direction = 1 - (normalize(student, dim=-1) * normalize(teacher, dim=-1)).sum(-1)
    classes = kl_div(log_softmax(logits, -1), log_softmax(teacher_logits, -1), log_target=True, reduction="batchmean")
    return 2 * direction.mean() + 0.5 * classes
