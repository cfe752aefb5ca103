"""The split of each image (train, val or test), and the base and novel categories."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from for_retrieval.errors import ForError, UsageError, nearest, printable
from for_retrieval.files import read_json
from for_retrieval.params import SplitRatio

SPLITS = ("train", "val", "test")  # a later one wins where copies of an image are in several


def read_splits(path: Path, images: pd.DataFrame) -> dict[str, str]:
    """Image id -> split, from a JSON file {train: [...], val: [...], test: [...]} of ids or paths of `images`.

    A name that is the id of one and the path of another means the id. Raises ForError: no such file, or it is wrong.
    """
    content = _lists(path, "split", SPLITS, "image ids or file names", "check data.splits in params.yaml")
    ids = dict(zip(images["path"], images["image_id"], strict=True)) | {i: i for i in images["image_id"]}
    chosen: dict[str, str] = {}
    unknown = []
    for split, name in ((split, name) for split, names in content.items() for name in names):
        image_id = ids.get(name) or ids.get(posixpath.normpath(name))
        if image_id is None:
            unknown.append(name)
        elif (first := chosen.setdefault(image_id, split)) != split:
            raise ForError(f"{printable(path)} puts the image {name!r} into {first} and {split}; keep one")
    if unknown:
        others = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        what = f"{printable(path)} names {unknown[0]!r}{others}"
        raise ForError(f"{what}, which is no image id and no file name of this set; correct or remove it")
    return chosen


def _lists(path: Path, what: str, keys: Sequence[str], of: str, check: str) -> dict[str, list[str]]:
    content = read_json(path, check, f"the {what} file")
    if not isinstance(content, dict):
        example = ", ".join(f"{key}: [...]" for key in keys)
        raise ForError(f"{printable(path)} must hold {{{example}}}; {check}")
    for key, names in content.items():
        if key not in keys:
            raise ForError(f"{printable(path)} has the key {key!r}; {nearest(key, keys)}")
        if not isinstance(names, list):
            raise ForError(f"{printable(path)}: {key!r} must be a list of {of}; correct it")
    return {key: [str(name) for name in names] for key, names in content.items()}


def split_of(digest: str, ratio: SplitRatio) -> str:
    """The split of the image with this sha256. It depends on nothing else: copies share one, and no image moves."""
    place = int(digest[:13], 16) / 16**13  # 52 bits, so below 1 exactly
    if place < ratio.train:
        return "train"
    return "val" if place < ratio.train + ratio.val or not ratio.test else "test"


def split_by_parts(images: pd.DataFrame, parts: dict[str, str], ratio: SplitRatio) -> dict[str, str] | None:
    """Image id -> split, for a format that has `parts` (train, val, test); None if there is only one: that is no split.

    Labels of the test part of published sets are often not public, so that results are reported on val: if a set has
    only train and val, val becomes test. If no part is val then, usable `images` (image_id, hash) for val are taken
    from train, by a hash of their content and in the shares of `ratio`.
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

    Dropped are images that `chosen` omits, and those with an exact copy in a later split: no test image may also be a
    training image. Copies within one split are kept.
    """
    by_hash = chosen is None
    splits = images["hash"].map(lambda digest: split_of(digest, ratio)) if by_hash else images["image_id"].map(chosen)
    placed = images.assign(split=splits)[splits.notna()]
    order = placed["split"].map({split: position for position, split in enumerate(SPLITS)})
    kept = placed[order == order.groupby(placed["hash"]).transform("max")]
    dropped = {"images_in_no_split": len(images) - len(placed), "duplicate_images": len(placed) - len(kept)}
    return kept, dropped


BaseAndNovel = tuple[list[str], list[str]]
OFFICIAL = "official/"  # prefix of the splits that come with the project
LVIS = f"{OFFICIAL}lvis-frequency"  # the default for sets with frequency groups
_CHECK_CATEGORIES = "check data.categories in params.yaml"


def novel_by_name(categories: Sequence[str], novel: Sequence[str]) -> BaseAndNovel:
    """Base categories (all but `novel`) and novel ones; UsageError if a name is no category, or no base is left."""
    for name in novel:
        if name not in categories:
            raise UsageError(f"data.novel names {name!r}, which is no category; {nearest(name, categories)}")
    base = [name for name in categories if name not in set(novel)]
    if categories and not base:
        raise UsageError("data.novel names every category, so that no base category is left to train on; remove some")
    return base, list(dict.fromkeys(novel))


def read_categories(path: Path, categories: Sequence[str]) -> BaseAndNovel:
    """Base and novel categories from a JSON file {base: [...], novel: [...]}; ForError if it is missing or wrong."""
    keys = ("base", "novel", "ignored")  # ignored: only documents the rest, as in the 48 / 17 / 15 split of COCO
    content = _lists(path, "category", keys, "category names", _CHECK_CATEGORIES)
    if not content.get("base"):
        raise ForError(f"{printable(path)} must have names in the list 'base'; {_CHECK_CATEGORIES}")
    for key, name in ((key, name) for key, names in content.items() for name in names):
        if name not in categories:
            close = nearest(name, categories)
            raise ForError(f"{printable(path)} names {name!r} in {key}, which is no category; {close}")
    base, novel = (list(dict.fromkeys(content.get(key, []))) for key in ("base", "novel"))
    if both := sorted(set(base) & set(novel)):
        raise ForError(f"{printable(path)} has {both[0]!r} in base and in novel; keep one")
    return base, novel


def official_split(name: str, categories: Sequence[str], groups: Mapping[str, Sequence[str]]) -> BaseAndNovel:
    """Base and novel categories of a published split, ``official/coco-48-17`` for example; that of LVIS names `groups`.

    Names that this set does not have are ignored, since many sets are a part of the published one. Raises UsageError:
    there is no such split, or none of its base names is a category here.
    """
    known = {OFFICIAL + path.stem: path for path in Path(__file__).with_name("official").glob("*.json")}
    if name not in known:
        raise UsageError(f"data.categories names {name!r}, which is not a shipped split; {nearest(name, known)}")
    content = read_json(known[name])
    lists = []
    for key in ("base", "novel"):
        named = {*content.get(key, [])}.union(*(groups.get(group, ()) for group in content.get(f"{key}_groups", [])))
        lists.append([category for category in categories if category in named])
    if not lists[0]:
        raise UsageError(f"data.categories is {name!r}, but none of its base categories is in this set; choose another")
    return lists[0], lists[1]
