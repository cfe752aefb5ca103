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

    Fractions with the same `min_images` and `seed` are prefixes of one order of the n training images, so a smaller one
    is a part of a larger one. First are the m images that give each base category its first `min_images` images (or all
    it has), rarest category first; a seeded shuffle of the rest follows. The size is ``max(ceil(percent * n / 100),
    m)``, which may be equal for small ones. Raises UsageError: `percent` is out of range. ForError: there is none.
    """
    if not 0 < percent <= 100:
        raise UsageError(f"a fraction must be above 0 and at most 100 percent, not {percent:g}")
    images = records.images
    train = images.loc[images["split"] == "train", "image_id"].tolist()
    # By a random number for each image that depends on nothing but the seed and its id.
    shuffled = sorted(train, key=lambda image_id: hashlib.sha256(json.dumps([seed, image_id]).encode()).digest())
    if not shuffled:
        raise ForError("the set has no training images; check data.splits and data.split_ratio in params.yaml")
    wanted = records.objects["category"].isin(records.info.base) & records.objects["image_id"].isin(train)
    place = {image_id: position for position, image_id in enumerate(shuffled)}
    groups = records.objects[wanted].groupby("category")["image_id"]
    shown_in = {str(category): sorted(set(image_ids), key=place.__getitem__) for category, image_ids in groups}
    covering: dict[str, None] = {}  # a short list of images that shows each category `min_images` times, if they can
    for _, image_ids in sorted(shown_in.items(), key=lambda item: (len(item[1]), item[0])):  # rarest first
        others = [image_id for image_id in image_ids if image_id not in covering]
        missing = max(min_images - (len(image_ids) - len(others)), 0)
        covering |= dict.fromkeys(others[:missing])
    order = covering | dict.fromkeys(shuffled)
    share = math.ceil(round(percent * len(order) / 100, 6))  # rounded: 1.1 % of 1000 is 11.000000000000002
    return sorted([*order][: max(share, len(covering))])


def fraction_path(folder: Path, percent: float) -> Path:
    """The file of a fraction: ``10.json`` for 10 percent."""
    return folder / f"{percent:g}.json"


def save_fraction(folder: Path, percent: float, image_ids: list[str]) -> None:
    """Write a fraction into `folder`."""
    write_json(fraction_path(folder, percent), {"percent": percent, "images": image_ids})


def load_fraction(folder: Path, percent: float) -> list[str]:
    """Read a fraction's image ids; ForError if the file is missing or damaged."""
    path = fraction_path(folder, percent)
    content = read_json(path, _REMEDY)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise ForError(f"{path} has no list of images; {_REMEDY}")
    return [str(image_id) for image_id in content["images"]]
