"""Which images train, choose and measure, and which categories are base and novel."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from for_retrieval.errors import ForError, UsageError, nearest
from for_retrieval.files import read_json
from for_retrieval.params import SplitRatio
from for_retrieval.records.images import shown

SPLITS = ("train", "val", "test")  # a later one wins where copies of an image are in several
_CHECK = "check data.splits in params.yaml"


def read_splits(path: Path, images: pd.DataFrame) -> dict[str, str]:
    """Read {train: [...], val: [...], test: [...]}, of image ids or file names, as image id -> split.

    `images` needs image_id and path; a name that is an id and a path at once is taken as the id.

    Raises:
        ForError: no such file, another key, an unknown image, or an image in two splits.
    """
    content = _read(path)
    ids = dict(zip(images["path"], images["image_id"], strict=True))
    ids |= {image_id: image_id for image_id in images["image_id"]}
    chosen: dict[str, str] = {}
    unknown = []
    for split, names in content.items():
        for name in map(str, names):
            image_id = ids.get(name) or ids.get(posixpath.normpath(name))
            if image_id is None:
                unknown.append(name)
            elif chosen.setdefault(image_id, split) != split:
                raise ForError(f"{shown(path)} puts the image {name!r} into {chosen[image_id]} and {split}; keep one")
    if unknown:
        others = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise ForError(
            f"{shown(path)} names {unknown[0]!r}{others}, which is no image id and no file name of this "
            "set; correct or remove it"
        )
    return chosen


def _read(path: Path) -> dict[str, list[Any]]:
    if not path.is_file():
        raise ForError(f"the split file {shown(path)} does not exist; {_CHECK}")
    content = read_json(path, _CHECK)
    if not isinstance(content, dict):
        raise ForError(f"{shown(path)} must hold {{train: [...], val: [...], test: [...]}}; {_CHECK}")
    for split, names in content.items():
        if split not in SPLITS:
            raise ForError(f"{shown(path)} has the key {split!r}; {nearest(split, SPLITS)}")
        if not isinstance(names, list):
            raise ForError(f"{shown(path)}: {split!r} must be a list of image ids or file names; correct it")
    return content


def split_of(digest: str, ratio: SplitRatio) -> str:
    """The split of the image whose content has this sha256.

    It depends on nothing else: copies never part, and no image moves when others are added.
    """
    place = int(digest[:13], 16) / 16**13  # 52 bits, so below 1 exactly
    if place < ratio.train:
        return "train"
    return "val" if place < ratio.train + ratio.val or not ratio.test else "test"


def split_by_parts(images: pd.DataFrame, parts: dict[str, str], ratio: SplitRatio) -> dict[str, str] | None:
    """Image id -> split where a format says of each image to which part (train, val, test) it belongs.

    Published sets often keep the labels of their test part back, so that the val part is what all report on. Such a
    set, with train and val alone, is measured on val: it becomes test here. Where no part is val then, images to
    choose by are taken from train, by a hash of their content and in the shares of `ratio`.

    Args:
        images: image_id and hash, of those that can be used.
        parts: image id -> part.

    Returns:
        None where there is one part alone, which says nothing.
    """
    named = set(parts.values())
    if len(named) < 2:
        return None
    if named == {"train", "val"}:
        parts = {image_id: "test" if part == "val" else part for image_id, part in parts.items()}
    elif "val" in named:
        return parts
    both = ratio.train + ratio.val
    shares = SplitRatio(train=ratio.train / both if both else 1, val=ratio.val / both if both else 0, test=0)
    hashes = dict(zip(images["image_id"], images["hash"], strict=True))
    return {
        image_id: split_of(hashes[image_id], shares) if part == "train" and image_id in hashes else part
        for image_id, part in parts.items()
    }


def assign_splits(
    images: pd.DataFrame, chosen: dict[str, str] | None, ratio: SplitRatio
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Add the column split to `images` (image_id, hash), and count what was dropped.

    Dropped are images that `chosen` leaves out, and images whose exact copy is in a later split:
    what is measured on must not have been trained on. Copies within one split stay.
    """
    if chosen is None:
        splits = images["hash"].map(lambda digest: split_of(digest, ratio))
    else:
        splits = images["image_id"].map(chosen)
    placed = images.assign(split=splits)[splits.notna()]
    order = placed["split"].map({split: position for position, split in enumerate(SPLITS)})
    kept = placed[order == order.groupby(placed["hash"]).transform("max")]
    dropped = {"images_in_no_split": len(images) - len(placed), "duplicate_images": len(placed) - len(kept)}
    return kept, dropped


OFFICIAL = "official/"  # before the name of a split that comes with the project
LVIS = f"{OFFICIAL}lvis-frequency"  # the default where a set comes with frequency groups
_SHIPPED = Path(__file__).parent / "official"
_CHECK_CATEGORIES = "check data.categories in params.yaml"
_KEYS = ("base", "novel", "ignored")  # ignored: listed for the record, as in the 48 / 17 / 15 split of COCO


def novel_by_name(categories: Sequence[str], novel: Sequence[str]) -> tuple[list[str], list[str]]:
    """Base and novel categories where `novel` is named and the rest is base.

    Raises:
        UsageError: a name that is no category, or no category left to learn from.
    """
    for name in novel:
        if name not in categories:
            raise UsageError(f"data.novel names {name!r}, which is no category; {nearest(name, categories)}")
    base = [name for name in categories if name not in set(novel)]
    if categories and not base:
        raise UsageError("data.novel names every category, so that none is left to learn from; remove some")
    return base, list(dict.fromkeys(novel))


def read_categories(path: Path, categories: Sequence[str]) -> tuple[list[str], list[str]]:
    """Base and novel categories from a JSON file {base: [...], novel: [...]}; others are ignored.

    Raises:
        ForError: no such file, an unknown key or category, one in both lists, or nothing in base.
    """
    if not path.is_file():
        raise ForError(f"the category file {shown(path)} does not exist; {_CHECK_CATEGORIES}")
    content = read_json(path, _CHECK_CATEGORIES)
    if not isinstance(content, dict) or not isinstance(content.get("base"), list) or not content["base"]:
        raise ForError(f"{shown(path)} must hold {{base: [...], novel: [...]}} with names in base; {_CHECK_CATEGORIES}")
    for key, names in content.items():
        if key not in _KEYS:
            raise ForError(f"{shown(path)} has the key {key!r}; {nearest(key, _KEYS)}")
        if not isinstance(names, list):
            raise ForError(f"{shown(path)}: {key!r} must be a list of category names; correct it")
        for name in map(str, names):
            if name not in categories:
                close = nearest(name, categories)
                raise ForError(f"{shown(path)} names {name!r} in {key}, which is no category; {close}")
    base, novel = (list(dict.fromkeys(map(str, content.get(key, [])))) for key in ("base", "novel"))
    if both := sorted(set(base) & set(novel)):
        raise ForError(f"{shown(path)} has {both[0]!r} in base and in novel; keep one")
    return base, novel


def official_split(
    name: str, categories: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Base and novel categories of a published split, ``official/coco-48-17`` for example.

    Its names that this set does not have are passed over, since many sets are a part of the published one. The split of
    LVIS is by frequency and names `groups`.

    Raises:
        UsageError: there is no such split, or none of its base names is a category here.
    """
    path = _SHIPPED / f"{name.removeprefix(OFFICIAL)}.json"
    known = sorted(OFFICIAL + file.stem for file in _SHIPPED.glob("*.json"))
    if name not in known:
        raise UsageError(
            f"data.categories names {name!r}, which does not come with the project; {nearest(name, known)}"
        )
    content = read_json(path)
    lists = []
    for key in ("base", "novel"):
        named = [
            *content.get(key, []),
            *(n for group in content.get(f"{key}_groups", []) for n in groups.get(group, [])),
        ]
        lists.append([category for category in categories if category in set(named)])
    if not lists[0]:
        raise UsageError(f"data.categories is {name!r}, but none of its base categories is in this set; choose another")
    return lists[0], lists[1]
