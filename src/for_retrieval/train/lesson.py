"""What heads learn from: all of it as a `Lesson`, and the part of it that one step sees as a `Batch`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from for_retrieval.model.box_net import overlaps
from for_retrieval.model.features import Features
from for_retrieval.model.sum_clip import Summary


@dataclass(frozen=True)
class Objects:
    """Annotated objects of n images, at most M each."""

    category: Tensor  # [n, M] index of the base category, -1 where there is none
    boxes: Tensor  # [n, M, 4] as centre x, centre y, width, height, in sides of the image

    def rows(self, index: Tensor, device: torch.device | str = "cpu") -> Objects:
        """Those of the images at `index`, on `device`."""
        return Objects(self.category[index].to(device), self.boxes[index].to(device))


@dataclass(frozen=True)
class PseudoLabels:
    """For each of V phrases, the training images that the teacher ranks first, and those that count as negatives."""

    positive: Tensor  # [n, V] bool
    counted: Tensor  # [n, V] bool
    weights: Tensor  # [V], of the phrases in the objective
    named: Tensor  # [V] bool, the names of categories and the user's own nouns, which no step leaves out


@dataclass(frozen=True)
class Lesson:
    """All that a head learns from: n training images in v views each. Rows are images, view by view."""

    features: Features  # [v n]
    base_texts: Tensor  # [T, D] of the base categories
    labels: Tensor  # [v n, T] bool, which of them a view shows
    counted: Tensor  # [v n, T] bool, where that may be used
    labelled: Tensor  # [n] bool, the images whose labels may be used
    objects: Objects  # [v n], those with boxes, as a view shows them
    vocabulary: Tensor  # [V, D]
    pseudo: PseudoLabels  # the teacher's ranking of whole images, [n, V]

    @property
    def views(self) -> int:
        """v."""
        return len(self.features.dense) // len(self.labelled)


@dataclass(frozen=True)
class Batch:
    """One step: the rows [B] of `lesson` and the head's output for them."""

    summary: Summary
    lesson: Lesson
    rows: Tensor
    temperature: float  # of the smooth maximum over regions
    generator: torch.Generator | None = None  # for what an objective draws at this step

    @property
    def device(self) -> torch.device:
        """Where the losses are computed."""
        return self.lesson.base_texts.device

    def of(self, table: Tensor) -> Tensor:
        """The rows [B, ...] of a table of the lesson [n, ...] that belong to these images, on the device."""
        return table[self.rows % len(table)].to(self.device)

    def scores(self, texts: Tensor) -> Tensor:
        """[B, T] scores against `texts` [T, D]: the score's maximum over regions, softened: ``T * LSE_k(cos / T)``."""
        return self.temperature * torch.logsumexp(self.summary.regions @ texts.T / self.temperature, dim=1)

    @cached_property
    def objects(self) -> Objects:
        """The objects of these images, as these views show them; none where labels may not be used."""
        objects, labelled = self.lesson.objects, self.of(self.lesson.labelled)
        return Objects(self.of(objects.category).masked_fill(~labelled[:, None], -1), self.of(objects.boxes))

    @cached_property
    def overlap(self) -> Tensor:
        """[B, K, M] intersection over union of regions and objects; 0 where there is no object."""
        found = overlaps(self.summary.boxes, self.objects.boxes)
        return found * (self.objects.category >= 0).unsqueeze(1)
