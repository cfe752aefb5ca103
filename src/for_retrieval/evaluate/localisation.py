"""How often the box of a result is on the thing that was asked for."""

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
from for_retrieval.model.sum_clip import SumClip, attention_boxes, summarise
from for_retrieval.records.records import Records

OVERLAP = 0.5  # intersection over union
BATCH = 256

Boxes = dict[tuple[str, str], Tensor]


@dataclass(frozen=True)
class Located:
    """One row: of the true results among the first k, the share (0 to 100) whose box is on the thing."""

    run: str
    seed: int
    subset: str
    results: int
    located: float


def object_boxes(records: Records) -> Boxes:
    """(image id, category) -> [m, 4] corners, as shares of the image's sides."""
    sizes = records.images.set_index("image_id")[["width", "height"]]
    objects: pd.DataFrame = records.objects.join(sizes, on="image_id")
    left, top = objects["x"] / objects["width"], objects["y"] / objects["height"]
    right, bottom = (objects["x"] + objects["w"]) / objects["width"], (objects["y"] + objects["h"]) / objects["height"]
    corners = np.stack([left, top, right, bottom], axis=1).astype(np.float32)
    places = objects.groupby(["image_id", "category"]).indices
    return {(str(image), str(name)): torch.from_numpy(corners[rows]) for (image, name), rows in places.items()}


@torch.inference_mode()
def located(
    head: SumClip,
    features: Features,
    texts: Tensor,
    scores: Scores,
    queries: QuerySet,
    image_ids: list[str],
    boxes: Boxes,
    grid: tuple[int, int],
    k: int,
) -> dict[str, tuple[int, float]]:
    """Subset -> how many of the first `k` results of its queries are true, and the share of them with a right box.

    A result's box is that of the query that scored best, as in the index; it is right where its intersection over
    union with an object of the category is 0.5 or more.

    Args:
        features: of the n images of `image_ids`. texts: [T, D] and scores: [n, T], of the T names in `queries`.
    """
    pairs = _true_results(unjudged_last(scores, queries.judged), queries.relevant, k)
    shown = sorted({int(image) for image, _ in pairs})
    place = {image: n for n, image in enumerate(shown)}
    regions, attention = [], []
    for start in range(0, len(shown), BATCH):
        part = features.rows(torch.tensor(shown[start : start + BATCH])).to(texts.device)
        summary = summarise(head, part)
        regions.append(summary.regions)
        attention.append(summary.attention.cpu().numpy())
    if not shown:
        return {}
    seen, maps = torch.cat(regions), np.concatenate(attention)
    right = []
    for image, query in pairs:
        winner = int((seen[place[image]] @ texts[query]).argmax())
        x, y, w, h = attention_boxes(maps[place[image], winner : winner + 1], grid, 1, 1)[0]
        box = torch.tensor([[x, y, x + w, y + h]])
        there = boxes[image_ids[image], queries.texts[query]]
        right.append(bool((box_iou(box, there) >= OVERLAP).any()))
    hits, asked = np.asarray(right), pairs[:, 1]
    out = {}
    for subset, members in queries.subsets.items():
        mine = np.isin(asked, members)
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
