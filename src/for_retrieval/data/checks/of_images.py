"""What is expected of images, of their files, and of how many there are."""

from __future__ import annotations

from for_retrieval.data.checks.check import PREPARE, REPAIR, Check, between, empty, in_set, single, unique
from for_retrieval.data.checks.tables import OK
from for_retrieval.data.splits import SPLITS
from for_retrieval.params import Checks, Params

_RESTORE = "restore or remove the files, then `dvc repro`"
_COPIES = "remove the copies, or put them into one split"
_ALIKE = "look at them before you trust scores on them"


def image_checks(params: Params) -> list[Check]:
    """Ids, files, sizes, splits."""
    side, pixels = params.data.min_side, params.data.max_pixels
    narrow, low = "images are narrower than data.min_side", "images are lower than data.min_side"
    large = "images have more pixels than data.max_pixels"
    sha256 = Check(
        "images",
        "hashes are sha256",
        "ExpectColumnValuesToMatchRegex",
        {"column": "hash", "regex": "^[0-9a-f]{64}$"},
        "images have no sha256 as their hash",
        PREPARE,
    )
    return [
        unique("images", ["image_id"], "image ids are unique", "image ids occur more than once", REPAIR),
        unique("images", ["path"], "every path is listed once", "paths are listed more than once", REPAIR),
        in_set(
            "images",
            "file",
            [OK],
            "every file is there, unchanged, and decodes",
            "image files are missing, changed or do not decode",
            _RESTORE,
        ),
        in_set("images", "size", [OK], "sizes are those of the files", "images differ in size from the table", PREPARE),
        between("images", "width", "images are wide enough", narrow, PREPARE, min_value=side).decided_by(
            "data.min_side"
        ),
        between("images", "height", "images are high enough", low, PREPARE, min_value=side).decided_by("data.min_side"),
        between("images", "pixels", "images are not too large", large, PREPARE, max_value=pixels).decided_by(
            "data.max_pixels"
        ),
        sha256,
        in_set("images", "split", SPLITS, "splits are train, val and test", "images are in no known split", PREPARE),
    ]


def copy_checks(checks: Checks) -> list[Check]:
    """Copies and near copies, within a split and across."""
    across = "images have a copy in another split"
    within = "images are exact copies of another one in their split"
    leaked = "images of val and test look like a training image"
    return [
        between(
            "images", "splits_of_content", "no content is in two splits", across, _COPIES, max_value=1
        ),
        empty(
            "images", "copy_of", "few images are copies", within, "remove the copies, or raise the bound",
            checks.max_duplicates,
        ).decided_by("checks.max_duplicates"),
        empty(
            "images", "looks_like", "few images look like another one", "images look like another one", _ALIKE,
            checks.max_near_duplicates,
        ).decided_by("checks.max_near_duplicates").as_warning(),
        empty(
            "images", "looks_like_train", "few images of val and test look like a training image", leaked, _ALIKE,
            checks.max_near_leakage, only_if='split != "train"',
        ).decided_by("checks.max_near_leakage").as_warning(),
    ]  # fmt: skip


def count_checks(checks: Checks, labelled: bool) -> list[Check]:
    """Something to train on and to search in; with labels, something to measure on is expected too."""
    least = checks.min_images
    found = [
        _count(least, "train", "the split train"),
        _count(least, "gallery", "the gallery (index.gallery)"),
    ]
    if labelled:
        found += [_count(least, split, f"the split {split}").as_warning() for split in ("val", "test")]
    return found


def _count(least: int, column: str, place: str) -> Check:
    says, remedy = f"{place} has {{observed}} images, fewer than {least}", "check data.splits and data.split_ratio"
    check = single("counts", column, f"{place} has images", says, remedy, min_value=least)
    return check.decided_by("checks.min_images")
