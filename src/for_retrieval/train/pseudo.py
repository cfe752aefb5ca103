"""Objective `pseudo`: over an open vocabulary, the student ranks images as the teacher does."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from for_retrieval.train.base import contrast
from for_retrieval.train.vocabulary import Phrase


@dataclass(frozen=True)
class PseudoLabels:
    """Of each phrase, the images that its teacher ranks first, and those that count as negatives.

    positive, counted: [n, T] bool over training images and phrases; weights: [T] of the phrases in the objective.
    """

    positive: Tensor
    counted: Tensor
    weights: Tensor


def pseudo_labels(teacher: Tensor, positive: Tensor, ignore: float, weights: Tensor) -> PseudoLabels:
    """Cut the teacher's ranking of all training images into positives, ignored and negatives.

    Args:
        teacher: [n, T] scores.
        positive: [T] share of the images that count as positive, for each phrase.
        ignore: ranks between the positives and this many times as many count for nothing.
        weights: [T] of the phrases in the objective.
    """
    n = len(teacher)
    ranks = teacher.argsort(dim=0, descending=True, stable=True).argsort(dim=0, stable=True)
    last = (positive * n).round().clamp(min=1)
    is_positive = ranks < last
    return PseudoLabels(is_positive, is_positive | (ranks >= (last * ignore).clamp(max=n - 1)), weights)


def pseudo_objective(scores: Tensor, positive: Tensor, counted: Tensor, weights: Tensor) -> Tensor:
    """`contrast` of the student's scores [B, T] with the teacher's positives of these images; weights: [T]."""
    return contrast(scores, positive, counted, weights)


def shares(kinds: list[str], positive: float) -> Tensor:
    """[T] shares of positives: the given one, and for a colour + noun a third of it, being rarer."""
    return torch.tensor([positive / 3 if kind == "attribute" else positive for kind in kinds])


def emphasis(phrases: list[Phrase], novel: list[str], weight: float) -> Tensor:
    """[T] weights: `weight` for what will be asked without labels, `novel` names and the user's nouns; else 1."""
    return torch.tensor([weight if phrase.kind == "own" or phrase.text in novel else 1.0 for phrase in phrases])
