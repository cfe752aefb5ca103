"""How often the box of a result is on the object that was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torchvision.ops import box_iou

from for_retrieval.evaluate.metric import rank, unjudged_last
from for_retrieval.evaluate.queries import QuerySet
from for_retrieval.model.box_net import corners
from for_retrieval.model.features import Features
from for_retrieval.model.model import Model
from for_retrieval.model.where import shown
from for_retrieval.records.records import Records

BATCH = 256  # images at once


class Truth:
    """Where the annotated objects of some images are: the n images of `image_ids`, in that order."""

    def __init__(self, records: Records, image_ids: list[str]) -> None:
        sizes = records.images.set_index("image_id")[["width", "height"]]
        objects: pd.DataFrame = records.objects.join(sizes, on="image_id")
        sides, start = objects[["width", "height"]].to_numpy(), objects[["x", "y"]].to_numpy()
        end = start + objects[["w", "h"]].to_numpy()
        self._corners = np.hstack([start / sides, end / sides]).astype(np.float32)
        self._rows = objects.groupby(["image_id", "category"]).indices
        self._image_ids = image_ids

    def boxes(self, image: int, category: str) -> Tensor:
        """[m, 4] corners of the objects of a category in one image, as shares of the image's sides."""
        return torch.from_numpy(self._corners[self._rows[self._image_ids[image], category]])


def located(
    model: Model, features: Features, truth: Truth, queries: QuerySet, texts: Tensor, scores: Tensor, k: int
) -> list[dict[str, Any]]:
    """For each subset, of how many true results among the first `k` which shares (0 to 100) show the right place.

    iou50, iou25: the shown box overlaps a thing of that name by so much (intersection over union). inside: its centre
    lies on one. oracle: some region of the image overlaps by half, shown or not.

    A result's box is the one that the index shows: see `shown`.

    features: of the n images that `truth` is about. texts, scores: embeddings [T, D] of `queries`, each of which is a
    category's name, and their scores [n, T].
    """
    values = unjudged_last(scores.cpu().numpy(), queries.judged)
    pairs = [
        (image, query)
        for query in range(values.shape[1])
        for image in rank(values[:, query])[:k].tolist()
        if queries.relevant[image, query]
    ]
    there = sorted({image for image, _ in pairs})
    place = {image: n for n, image in enumerate(there)}
    found = [model.regions(features.rows(torch.tensor(there[i : i + BATCH]))) for i in range(0, len(there), BATCH)]
    measured = []
    for image, query in pairs:
        part, row = found[place[image] // BATCH], place[image] % BATCH
        boxes, wanted = corners(part.boxes[row]).cpu(), truth.boxes(image, queries.texts[query])
        seen = (part.regions[row] @ texts[query], part.objectness[row], part.boxes[row])
        best = shown(*(values.cpu().numpy() for values in seen))
        overlap, centre = box_iou(boxes, wanted).amax(1), (boxes[best, :2] + boxes[best, 2:]) / 2
        inside = ((centre >= wanted[:, :2]) & (centre <= wanted[:, 2:])).all(1).any()
        one = float(overlap[best])
        measured.append((one >= 0.5, one >= 0.25, bool(inside), float(overlap.max()) >= 0.5))
    hits, columns = 100 * np.asarray(measured, np.float64).reshape(-1, 4), [query for _, query in pairs]
    mine = {subset: hits[np.isin(columns, members)] for subset, members in queries.subsets.items()}
    return [
        {"subset": subset, "results": len(own)}
        | dict(zip(("iou50", "iou25", "inside", "oracle"), own.mean(0).round(2).tolist(), strict=True))
        for subset, own in mine.items()
        if len(own)
    ]
