"""What goes into an index and what comes out of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from for_retrieval.errors import ForError

Floats = npt.NDArray[np.float32]

NAMESPACE = uuid.UUID("6f1ad6a1-3c86-5d6d-9a4e-3f0d6f0c7b55")  # of point ids; changing it changes all of them
NORM_TOLERANCE = 1e-3  # half-precision towers leave norms this far from 1


@dataclass(frozen=True, eq=False)
class ImageRegions:
    """One image as the index stores it.

    image_id: unique in the index. path: relative to the image root. hash: of the file's content.
    width, height: pixels. embeddings: [K, D] float32, L2-normalised.
    boxes: [K, 4] float32, x, y, w, h in pixels.
    """

    image_id: str
    path: str
    hash: str
    split: str
    width: int
    height: int
    embeddings: Floats
    boxes: Floats


@dataclass(frozen=True, eq=False)
class Point:
    """One region as an engine stores it: a vector [D], a box [x, y, w, h] in pixels, and whose it is."""

    image_id: str
    path: str
    hash: str
    split: str
    number: int  # of the region within its image
    box: list[float]
    vector: list[float]


@dataclass(frozen=True)
class Region:
    """One found region: which image, where in it (x, y, w, h in pixels), and its cosine to the query."""

    image_id: str
    path: str
    box: tuple[float, float, float, float]
    score: float
    number: int  # of the region within its image


def points_of(image: ImageRegions) -> list[Point]:
    """An image's regions, one by one."""
    rows = zip(image.embeddings.tolist(), image.boxes.tolist(), strict=True)
    return [
        Point(image.image_id, image.path, image.hash, image.split, number, box, vector)
        for number, (vector, box) in enumerate(rows)
    ]


def point_id(image_id: str, number: int) -> uuid.UUID:
    """The id of region `number` of an image: the same in every build and on every engine."""
    return uuid.uuid5(NAMESPACE, f"{image_id}/{number}")


def payload_of(point: Point) -> dict[str, object]:
    """What is stored beside the vector."""
    return {
        "image_id": point.image_id,
        "path": point.path,
        "hash": point.hash,
        "split": point.split,
        "region": point.number,
        "box": point.box,
    }


def point_from(payload: dict[str, Any], vector: list[float]) -> Point:
    """The inverse of `payload_of`."""
    return Point(
        image_id=payload["image_id"],
        path=payload["path"],
        hash=payload["hash"],
        split=payload["split"],
        number=payload["region"],
        box=payload["box"],
        vector=vector,
    )


def region_from(payload: dict[str, Any], score: float) -> Region:
    """A found region from what is stored beside its vector."""
    x, y, w, h = payload["box"]
    return Region(payload["image_id"], payload["path"], (x, y, w, h), score, payload["region"])


def check_regions(batch: Sequence[ImageRegions], dim: int) -> None:
    """Refuse what an engine would swallow and then never return.

    Raises:
        ForError: an id or path is not Unicode, an image has no regions, or its embeddings or boxes have a
            wrong shape, are not finite or (embeddings) not of length 1. The sentence names the image.
    """
    for image in batch:
        if problem := _problem(image, dim):
            raise ForError(f"image {image.image_id!r} cannot be indexed: {problem}")


def check_vector(vector: Floats, dim: int) -> None:
    """Refuse a query vector that this index cannot compare.

    Raises:
        ForError: it has another dimension or is not finite.
    """
    if vector.shape != (dim,):
        have = "x".join(map(str, vector.shape))
        raise ForError(f"the query embedding has dimension {have}, the index {dim}; run `for-cli index`")
    if not np.isfinite(vector).all():
        raise ForError("the query embedding holds NaN or infinity; run `dvc repro export`")


def _problem(image: ImageRegions, dim: int) -> str | None:
    try:
        f"{image.image_id}{image.path}{image.hash}{image.split}".encode()
    except UnicodeEncodeError:
        return f"its id or path {image.path!r} is not valid Unicode; rename the file"
    return (
        _array_problem("embeddings", image.embeddings, dim)
        or _array_problem("boxes", image.boxes, 4)
        or _pair_problem(image)
    )


def _array_problem(name: str, array: npt.NDArray[Any], columns: int) -> str | None:
    if array.ndim != 2 or array.shape[1] != columns or not len(array):
        return f"its {name} have shape {array.shape}, expected (at least 1, {columns})"
    if not np.isfinite(array).all():
        return f"its {name} hold NaN or infinity"
    return None


def _pair_problem(image: ImageRegions) -> str | None:
    if len(image.embeddings) != len(image.boxes):
        return f"it has {len(image.embeddings)} embeddings but {len(image.boxes)} boxes"
    lengths = np.linalg.norm(image.embeddings, axis=1)
    if float(np.abs(lengths - 1).max()) > NORM_TOLERANCE:
        worst = float(lengths[np.abs(lengths - 1).argmax()])
        return f"its embeddings must be L2-normalised, but one has length {worst:.4g}"
    return None
