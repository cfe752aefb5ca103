"""Objective `pseudo`: over an open vocabulary, the student ranks images as the teacher does."""

from __future__ import annotations

from torch import Tensor

from for_retrieval.params import Pseudo
from for_retrieval.train.lesson import Batch
from for_retrieval.train.objectives.base import contrast


def loss(batch: Batch, settings: Pseudo) -> Tensor:
    """`contrast` of the student's scores with the teacher's positives, each phrase with its weight."""
    pseudo = batch.lesson.pseudo
    scores = batch.scores(batch.lesson.vocabulary)
    weights = pseudo.weights.to(batch.device)
    return contrast(scores, batch.of(pseudo.positive), batch.of(pseudo.counted), settings.temperature, weights)
