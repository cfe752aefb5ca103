"""What heads learn from: all of it as a `Lesson`, and the part of it that one step sees as a `Batch`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from for_retrieval.model.features import Features
from for_retrieval.model.sum_clip import Summary


@dataclass(frozen=True)
class Objects:
    """Annotated objects of n images, at most M each.

    category: [n, M] index of the base category, -1 where there is none. boxes: [n, M, 4] as centre x, centre y,
    width, height, of the image's sides.
    """

    category: Tensor
    boxes: Tensor


@dataclass(frozen=True)
class PseudoLabels:
    """For each phrase, the images that the teacher ranks first, and those that count as negatives.

    positive, counted: [n, V] bool over training images and phrases; weights: [V] of the phrases in the objective.
    """

    positive: Tensor
    counted: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Lesson:
    """All that a head learns from; n training images.

    base_texts: [T, D] of the base categories; labels, counted: [n, T] bool, which of them an image shows, and where
    that may be used; labelled: [n] bool, the images whose labels may be used. objects: those with boxes; grid: the
    cells. vocabulary: [V, D]; pseudo: the teacher's ranking, [n, V]. clusters: [n, C, D], Cluster-CLIP's embeddings.
    """

    features: Features
    base_texts: Tensor
    labels: Tensor
    counted: Tensor
    labelled: Tensor
    objects: Objects
    grid: tuple[int, int]
    vocabulary: Tensor
    pseudo: PseudoLabels
    clusters: Tensor


@dataclass(frozen=True)
class Batch:
    """One step: the images of `lesson` at `rows` [B], and the head's output for them.

    temperature: of the smooth maximum over regions.
    """

    summary: Summary
    lesson: Lesson
    rows: Tensor
    temperature: float

    @property
    def device(self) -> torch.device:
        """Where the losses are computed."""
        return self.lesson.base_texts.device

    def of(self, table: Tensor) -> Tensor:
        """The rows [B, ...] of a table [n, ...] of the lesson that belong to these images, on the device."""
        return table[self.rows].to(self.device)

    def scores(self, texts: Tensor) -> Tensor:
        """[B, T] scores against `texts` [T, D]: the score's maximum over regions, softened: ``T * LSE_k(cos / T)``."""
        return self.temperature * torch.logsumexp(self.summary.regions @ texts.T / self.temperature, dim=1)

    def objects(self) -> Objects:
        """The objects of these images; none where labels may not be used."""
        objects, labelled = self.lesson.objects, self.of(self.lesson.labelled)
        return Objects(self.of(objects.category).masked_fill(~labelled[:, None], -1), self.of(objects.boxes))
