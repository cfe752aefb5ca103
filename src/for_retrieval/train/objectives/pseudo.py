"""Objective `pseudo`: over an open vocabulary, the student ranks images as the teacher does."""

from __future__ import annotations

import torch
from torch import Tensor

from for_retrieval.model.views import is_whole
from for_retrieval.params import Pseudo
from for_retrieval.train.lesson import Batch
from for_retrieval.train.objectives.base import contrast


def loss(batch: Batch, settings: Pseudo) -> Tensor:
    """`contrast` of the student's scores with the teacher's positives, each phrase with its weight.

    Of the phrases that are no names, a fresh sample at each step stands for all.
    """
    lesson, pseudo = batch.lesson, batch.lesson.pseudo
    others = (~pseudo.named).nonzero().flatten()
    count = min(len(others), max(0, settings.phrases - int(pseudo.named.sum())))
    chosen = others[torch.randperm(len(others), generator=batch.generator)[:count]]
    columns = torch.cat([pseudo.named.nonzero().flatten(), chosen.sort().values])
    chance = torch.ones(len(pseudo.named))
    chance[others] = count / max(1, len(others))
    weights = (pseudo.weights / chance)[columns].to(batch.device)
    positive, counted = (batch.of(table)[:, columns] for table in (pseudo.positive, pseudo.counted))
    whole = [is_whole(row // len(lesson.labelled)) for row in batch.rows.tolist()]  # all that the teacher has seen
    counted = counted & torch.tensor(whole, device=batch.device).unsqueeze(1)
    scores = batch.scores(lesson.vocabulary[columns.to(batch.device)])
    return contrast(scores, positive, counted, settings.temperature, weights)
