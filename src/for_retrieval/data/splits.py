"""Which images train, which choose, which are measured once: from a file, or by content."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

import pandas as pd

from for_retrieval.data.images import shown
from for_retrieval.errors import ForError, nearest
from for_retrieval.files import read_json
from for_retrieval.params import SplitRatio

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
