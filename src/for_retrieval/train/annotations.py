"""The annotations of the training images as tensors: labels, what was judged, and objects with boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from for_retrieval.model.views import boxes_in, is_whole, view_key
from for_retrieval.records.records import Records
from for_retrieval.train.lesson import Objects


def label_matrix(table: pd.DataFrame, image_ids: list[str], categories: list[str]) -> Tensor:
    """[n, T] bool: which of `categories` each image has a row of in `table` (columns image_id and category)."""
    table = table[table["category"].isin(categories)]
    rows = pd.Index(image_ids).get_indexer(table["image_id"])
    columns = pd.Index(categories).get_indexer(table["category"])
    known = torch.from_numpy(rows >= 0)
    matrix = torch.zeros(len(image_ids), len(categories), dtype=torch.bool)
    matrix[torch.from_numpy(rows)[known], torch.from_numpy(columns)[known]] = True
    return matrix


def judged_matrix(records: Records, image_ids: list[str], labels: Tensor, categories: list[str]) -> Tensor:
    """[n, T] bool: where `labels` [n, T] are known; in a set like LVIS, where they are true or said to be false."""
    if records.negatives is None:
        return torch.ones_like(labels)
    return labels | label_matrix(records.negatives, image_ids, categories)


def viewed(objects: Objects, hashes: Sequence[str], views: int) -> Objects:
    """The objects of n images [n, M] as each of their views shows them, view by view: [v n, M]."""
    category, boxes = objects.category.repeat(views, 1), objects.boxes.repeat(views, 1, 1)
    for row, key in enumerate(view_key(content, view) for view in range(views) for content in hashes):
        boxes[row], shown = boxes_in(boxes[row], key)
        category[row][~shown] = -1
    return Objects(category, boxes)


def seen_in(views: int, labels: Tensor, counted: Tensor, objects: Objects) -> tuple[Tensor, Tensor]:
    """Labels and what counts of n images [n, T] for each of their views, view by view: both [v n, T].

    A crop shows those of the image's objects [v n, M] that are in it. A label without a box may be in it or not, and
    does not count there.
    """
    there = one_hot(objects.category + 1, labels.shape[1] + 1)[..., 1:].any(1)  # [v n, T]
    whole = torch.tensor([is_whole(view) for view in range(views)]).repeat_interleave(len(labels)).unsqueeze(1)
    known, boxed = labels.repeat(views, 1), there[: len(labels)].repeat(views, 1)
    return torch.where(whole, known, there), counted.repeat(views, 1) & (whole | boxed | ~known)


def objects_of(records: Records, image_ids: list[str], categories: list[str], most: int) -> Objects:
    """The objects of `categories` with a box of their own: no crowds, no labels of whole images; the `most` largest."""
    table = records.objects
    whole = table["attributes"].str.contains('"whole_image": true', regex=False)
    table = table[table["category"].isin(categories) & ~table["crowd"] & ~whole & table["image_id"].isin(image_ids)]
    area = table["w"].astype("float64") * table["h"]
    table = table.assign(area=area).sort_values(["image_id", "area"], ascending=[True, False], kind="stable")
    place = table.groupby("image_id").cumcount().to_numpy()
    table, place = table[place < most], place[place < most]
    sizes = records.images.set_index("image_id").loc[table["image_id"], ["width", "height"]].to_numpy(np.float64)
    x, y, w, h = table[["x", "y", "w", "h"]].to_numpy(np.float64).T
    width, height = sizes.T
    boxes = np.stack([(x + w / 2) / width, (y + h / 2) / height, w / width, h / height], 1)
    rows = pd.Index(image_ids).get_indexer(table["image_id"])
    most = int(place.max()) + 1 if len(place) else 0
    category = torch.full((len(image_ids), most), -1, dtype=torch.long)
    out = torch.zeros(len(image_ids), most, 4)
    category[rows, place] = torch.from_numpy(pd.Index(categories).get_indexer(table["category"]).astype(np.int64))
    out[rows, place] = torch.from_numpy(boxes).float()
    return Objects(category, out)
