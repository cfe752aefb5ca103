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
from for_retrieval.model.features import Features
from for_retrieval.model.model import Model
from for_retrieval.model.sum_clip import attention_boxes
from for_retrieval.records.records import Records

OVERLAP = 0.5  # intersection over union
BATCH = 256  # images at once


@dataclass(frozen=True)
class Located:
    """One row: of the true results among the first k, the share (0 to 100) whose box is right."""

    run: str
    seed: int
    subset: str
    results: int
    located: float


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


def located(model: Model, features: Features, asked: Asked, truth: Truth, k: int) -> dict[str, tuple[int, float]]:
    """Subset -> how many of the first `k` results of its queries are true, and the share of them with a right box.

    A result's box is that of the query that scored best, as in the index; it is right where its intersection over
    union with an object of the category is 0.5 or more.

    Args:
        features: of the n images that `truth` and `asked` are about.
    """
    queries = asked.queries
    pairs = _true_results(unjudged_last(asked.scores.cpu().numpy(), queries.judged), queries.relevant, k)
    shown = sorted({int(image) for image, _ in pairs})
    if not shown:
        return {}
    place = {image: n for n, image in enumerate(shown)}
    parts = [model.regions(features.rows(torch.tensor(shown[i : i + BATCH]))) for i in range(0, len(shown), BATCH)]
    regions = torch.cat([part.regions for part in parts])
    maps = np.concatenate([part.attention.cpu().numpy() for part in parts])
    right = []
    for image, query in pairs:
        winner = int((regions[place[image]] @ asked.texts[query]).argmax())
        x, y, w, h = attention_boxes(maps[place[image], winner : winner + 1], model.tower.grid, 1, 1)[0]
        box = torch.tensor([[x, y, x + w, y + h]])
        right.append(bool((box_iou(box, truth.boxes(image, queries.texts[query])) >= OVERLAP).any()))
    hits, columns = np.asarray(right), pairs[:, 1]
    out = {}
    for subset, members in queries.subsets.items():
        mine = np.isin(columns, members)
        if mine.any():
            out[subset] = (int(mine.sum()), round(100 * float(hits[mine].mean()), 2))
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
