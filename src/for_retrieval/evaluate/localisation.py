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
from for_retrieval.model.features import Features
from for_retrieval.model.model import Model
from for_retrieval.model.sum_clip import attention_boxes
from for_retrieval.records.records import Records

OVERLAP = 0.5  # intersection over union
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
    """For each subset how many of the first `k` results are true, and the share (0 to 100) of them with a right box.

    A result's box is that of the query that scored best, as in the index; it is right where its intersection over
    union with an object of the category is 0.5 or more.

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
    if not pairs:
        return []
    shown = sorted({image for image, _ in pairs})
    place = {image: n for n, image in enumerate(shown)}
    parts = [model.regions(features.rows(torch.tensor(shown[i : i + BATCH]))) for i in range(0, len(shown), BATCH)]
    regions = torch.cat([part.regions for part in parts])
    maps = np.concatenate([part.attention.cpu().numpy() for part in parts])
    right = []
    for image, query in pairs:
        winner = int((regions[place[image]] @ texts[query]).argmax())
        x, y, w, h = attention_boxes(maps[place[image], winner : winner + 1], model.tower.grid, 1, 1)[0]
        box = torch.tensor([[x, y, x + w, y + h]])
        right.append(bool((box_iou(box, truth.boxes(image, queries.texts[query])) >= OVERLAP).any()))
    hits, columns = np.asarray(right), [query for _, query in pairs]
    mine = {subset: hits[np.isin(columns, members)] for subset, members in queries.subsets.items()}
    return [
        {"subset": subset, "results": len(own), "located": round(100 * float(own.mean()), 2)}
        for subset, own in mine.items()
        if len(own)
    ]
