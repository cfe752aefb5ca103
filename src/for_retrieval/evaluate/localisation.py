"""How often the box of a result is on the object that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import box_iou

from for_retrieval.evaluate.metric import Scores, rank, unjudged_last
from for_retrieval.evaluate.queries import QuerySet
from for_retrieval.model.box_net import corners
from for_retrieval.model.features import Features
from for_retrieval.model.model import Model
from for_retrieval.model.sum_clip import shown
from for_retrieval.records.records import Records

BATCH = 256  # images at once


@dataclass(frozen=True)
class Located:
    """Of the true results among the first k, the shares (0 to 100) whose box is right.

    iou50, iou25: the box overlaps a thing of that name by so much (intersection over union). inside: its centre is on
    one. oracle: some region of the image overlaps by half, whether it was shown or not.
    """

    results: int
    iou50: float
    iou25: float
    inside: float
    oracle: float


class Truth:
    """Where the annotated objects of some images are: the n images of `image_ids`, in that order."""

    def __init__(self, records: Records, image_ids: list[str]) -> None:
        sizes = records.images.set_index("image_id")[["width", "height"]]
        objects: pd.DataFrame = records.objects.join(sizes, on="image_id")
        left, top = objects["x"] / objects["width"], objects["y"] / objects["height"]
        right = (objects["x"] + objects["w"]) / objects["width"]
        bottom = (objects["y"] + objects["h"]) / objects["height"]
        self._corners = np.stack([left, top, right, bottom], axis=1).astype(np.float32)
        self._rows = objects.groupby(["image_id", "category"]).indices
        self._image_ids = image_ids

    def boxes(self, image: int, category: str) -> Tensor:
        """[m, 4] corners of the objects of a category in one image, as shares of the image's sides."""
        return torch.from_numpy(self._corners[self._rows[self._image_ids[image], category]])


@dataclass(frozen=True)
class Asked:
    """T names that were asked for, their embeddings [T, D], and their scores [n, T] on the images."""

    queries: QuerySet
    texts: Tensor
    scores: Tensor


def located(model: Model, features: Features, asked: Asked, truth: Truth, k: int) -> dict[str, Located]:
    """How often the first `k` results of each subset's queries show the right place.

    A result's box is the one that the index shows: see `shown`.

    Args:
        features: of the n images that `truth` and `asked` are about.
    """
    queries = asked.queries
    pairs = _true_results(unjudged_last(asked.scores.cpu().numpy(), queries.judged), queries.relevant, k)
    there = sorted({int(image) for image, _ in pairs})
    place = {image: n for n, image in enumerate(there)}
    found = [model.regions(features.rows(torch.tensor(there[i : i + BATCH]))) for i in range(0, len(there), BATCH)]
    measured = []
    for image, query in pairs:
        part, row = found[place[image] // BATCH], place[image] % BATCH
        boxes = corners(part.boxes[row]).cpu()
        best = shown(part.regions[row] @ asked.texts[query], part.objectness[row])
        wanted = truth.boxes(image, queries.texts[query])
        overlap = box_iou(boxes, wanted).amax(1)
        centre = (boxes[best, :2] + boxes[best, 2:]) / 2
        inside = ((centre >= wanted[:, :2]) & (centre <= wanted[:, 2:])).all(1).any()
        one = float(overlap[best])
        measured.append((one >= 0.5, one >= 0.25, bool(inside), float(overlap.max()) >= 0.5))
    hits, columns = 100 * np.asarray(measured, np.float64).reshape(-1, 4), pairs[:, 1]
    out = {}
    for subset, members in queries.subsets.items():
        if (mine := np.isin(columns, members)).any():
            out[subset] = Located(int(mine.sum()), *(round(float(share), 2) for share in hits[mine].mean(0)))
    return out


def _true_results(scores: Scores, relevant: NDArray[np.bool_], k: int) -> NDArray[np.intp]:
    """[r, 2] positions of image and query of every relevant image among a query's first `k`."""
    pairs = [
        (image, query)
        for query in range(scores.shape[1])
        for image in rank(scores[:, query])[:k]
        if relevant[image, query]
    ]
    return np.asarray(pairs, np.intp).reshape(-1, 2)
