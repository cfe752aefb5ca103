"""Label fractions: the parts of the training images whose base labels may be used."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

from for_retrieval.errors import ForError, UsageError
from for_retrieval.files import read_json, write_json
from for_retrieval.records.records import Records

_REMEDY = "run `dvc repro fractions`"


def make_fraction(records: Records, percent: float, min_images: int, seed: int) -> list[str]:
    """The ids, sorted, of the labelled training images at `percent` (0 < percent <= 100).

    All fractions with the same `min_images` and `seed` are prefixes of one order of the n training
    images, so a smaller one is contained in every larger one. The order starts with the m images that give
    each base category its first `min_images` images (or all it has), rarest category first; a seeded
    shuffle of the rest follows. The size is ``max(ceil(percent * n / 100), m)``: with many categories,
    small fractions are larger than their percentage, and may be equal.

    Raises:
        UsageError: `percent` is out of range. ForError: there are no training images.
    """
    if not 0 < percent <= 100:
        raise UsageError(f"a fraction must be above 0 and at most 100 percent, not {percent:g}")
    order, covering = label_order(records, min_images, seed)
    if not order:
        raise ForError("the set has no training images; check data.splits and data.split_ratio in params.yaml")
    share = math.ceil(round(percent * len(order) / 100, 6))  # rounded: 1.1 % of 1000 is 11.000000000000002
    return sorted(order[: max(share, covering)])


def label_order(records: Records, min_images: int, seed: int) -> tuple[list[str], int]:
    """All training image ids in the order in which they get labels, and how many of them cover the categories."""
    images = records.images
    train = images.loc[images["split"] == "train", "image_id"].tolist()
    # By a random number for each image that depends on nothing but the seed and its id.
    shuffled = sorted(train, key=lambda image_id: hashlib.sha256(json.dumps([seed, image_id]).encode()).digest())
    first = _cover(_shown_in(records, shuffled), min_images)
    chosen = set(first)
    return first + [image_id for image_id in shuffled if image_id not in chosen], len(first)


def fraction_path(folder: Path, percent: float) -> Path:
    """The file of a fraction: ``10.json`` for 10 percent."""
    return folder / f"{percent:g}.json"


def save_fraction(folder: Path, percent: float, image_ids: list[str]) -> None:
    """Write a fraction into `folder`."""
    write_json(fraction_path(folder, percent), {"percent": percent, "images": image_ids})


def load_fraction(folder: Path, percent: float) -> list[str]:
    """Read a fraction's image ids.

    Raises:
        ForError: the file is missing or damaged.
    """
    path = fraction_path(folder, percent)
    content = read_json(path, _REMEDY)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise ForError(f"{path} has no list of images; {_REMEDY}")
    return [str(image_id) for image_id in content["images"]]


def _shown_in(records: Records, order: list[str]) -> dict[str, list[str]]:
    """Base category -> the images of `order` that show it, in that order; categories by rising number."""
    objects = records.objects
    wanted = objects["category"].isin(records.info.base) & objects["image_id"].isin(order)
    pairs = set(zip(objects.loc[wanted, "category"], objects.loc[wanted, "image_id"], strict=True))
    place = {image_id: position for position, image_id in enumerate(order)}
    found: dict[str, list[str]] = {}
    for category, image_id in sorted(pairs, key=lambda pair: place[pair[1]]):
        found.setdefault(category, []).append(image_id)
    return dict(sorted(found.items(), key=lambda item: (len(item[1]), item[0])))


def _cover(shown_in: dict[str, list[str]], min_images: int) -> list[str]:
    """A short list of images that shows each category `min_images` times, or in all images that it has."""
    categories_of: dict[str, list[str]] = {}
    for category, image_ids in shown_in.items():
        for image_id in image_ids:
            categories_of.setdefault(image_id, []).append(category)
    need = {category: min(min_images, len(image_ids)) for category, image_ids in shown_in.items()}
    chosen: dict[str, None] = {}
    for category, image_ids in shown_in.items():
        for image_id in image_ids:
            if need[category] <= 0:
                break
            if image_id not in chosen:
                chosen[image_id] = None
                for other in categories_of[image_id]:
                    need[other] -= 1
    return list(chosen)
