"""The rules of the stage `validate`: what is expected of images, labels and fractions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from for_retrieval.params import Checks, Params
from for_retrieval.records.checks.tables import OK
from for_retrieval.records.splits import SPLITS

REPAIR = "repair the annotations, then `dvc repro`"
PREPARE = "run `dvc repro -f prepare`"
FRACTIONS = "run `dvc repro -f fractions`"


@dataclass(frozen=True)
class Check:
    """One expectation of one table; `suite.py` turns it into one of Great Expectations.

    title: what holds, in plain words. expectation: the class, with its options.
    says: what is wrong, to follow "3 of 60 " where rows are counted; else a clause with ``{observed}`` in it.
    remedy: what to do. bound: the key of params.yaml that decides, where one does. warns: it stops nothing.
    """

    table: str
    title: str
    expectation: str
    options: dict[str, Any]
    says: str
    remedy: str
    bound: str = ""
    warns: bool = False

    @property
    def column(self) -> str:
        """The column, or columns, or nothing for a whole table."""
        return str(self.options.get("column") or ", ".join(self.options.get("column_list", ())))

    def decided_by(self, bound: str) -> Check:
        """The same, of which a key of params.yaml decides."""
        return replace(self, bound=bound)

    def as_warning(self) -> Check:
        """The same, but it stops nothing."""
        return replace(self, warns=True)


def in_set(table: str, column: str, values: Iterable[Any], title: str, says: str, remedy: str) -> Check:
    """Every value is one of `values`."""
    options = {"column": column, "value_set": list(values)}
    return Check(table, title, "ExpectColumnValuesToBeInSet", options, says, remedy)


def between(table: str, column: str, title: str, says: str, remedy: str, **limits: float) -> Check:
    """Every value is within min_value and max_value, as far as given; strict_min=True: above the first."""
    return Check(table, title, "ExpectColumnValuesToBeBetween", {"column": column, **limits}, says, remedy)


def unique(table: str, columns: list[str], title: str, says: str, remedy: str, most: float = 0) -> Check:
    """No value, or combination of several columns, occurs twice; `most` is the share of rows that may."""
    if len(columns) == 1:
        kind, options = "ExpectColumnValuesToBeUnique", {"column": columns[0], "mostly": 1 - most}
    else:
        kind, options = "ExpectCompoundColumnsToBeUnique", {"column_list": columns, "mostly": 1 - most}
    return Check(table, title, kind, options, says, remedy)


def empty(
    table: str, column: str, title: str, says: str, remedy: str, most: float, only_if: str | None = None
) -> Check:
    """The column, which names what is wrong with a row, is null but for a share `most` of the rows.

    only_if: a pandas query of the rows that count.
    """
    options: dict[str, Any] = {"column": column, "mostly": 1 - most}
    if only_if:
        options |= {"row_condition": only_if, "condition_parser": "pandas"}
    return Check(table, title, "ExpectColumnValuesToBeNull", options, says, remedy)


def single(table: str, column: str, title: str, says: str, remedy: str, **limits: float) -> Check:
    """The one value of a table with one row is within its limits; `says` has ``{observed}`` in it."""
    return Check(table, title, "ExpectColumnMaxToBeBetween", {"column": column, **limits}, says, remedy)


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


_DRIFTED = {"categories": "category frequencies", "box_size": "box sizes", "brightness": "brightness values"}


def object_checks(checks: Checks, categories: list[str]) -> list[Check]:
    """Boxes inside their images and of positive area, known categories, no object twice."""
    slack = {"max_value": checks.box_slack}
    no_category = "objects have a category that is neither base nor novel"
    no_json, twice = "objects have attributes that are no JSON object", "objects are listed more than once"
    what = ["image_id", "x", "y", "w", "h", "category"]
    left, above = "boxes begin left of their image", "boxes begin above their image"
    right, below = "boxes end right of their image", "boxes end below their image"
    return [
        in_set("objects", "image", [OK], "objects are in known images", "objects are in no known image", PREPARE),
        between("objects", "x", "no box begins left of its image", left, REPAIR, min_value=0),
        between("objects", "y", "no box begins above its image", above, REPAIR, min_value=0),
        between("objects", "beyond_right", "no box ends right of its image", right, REPAIR, **slack).decided_by(
            "checks.box_slack"
        ),
        between("objects", "beyond_bottom", "no box ends below its image", below, REPAIR, **slack).decided_by(
            "checks.box_slack"
        ),
        between(
            "objects", "w", "boxes have a width", "boxes have no width", REPAIR, min_value=0, strict_min=True
        ),
        between(
            "objects", "h", "boxes have a height", "boxes have no height", REPAIR, min_value=0, strict_min=True
        ),
        in_set("objects", "category", categories, "categories are base or novel", no_category, PREPARE),
        in_set("objects", "attributes_are", [OK], "attributes are JSON objects", no_json, REPAIR),
        unique("objects", what, "few objects are listed twice", twice, REPAIR, checks.max_duplicates).decided_by(
            "checks.max_duplicates"
        ),
    ]  # fmt: skip


def negative_checks(categories: list[str]) -> list[Check]:
    """What images are said not to show: known images and categories, and nothing that they do show."""
    table, shown = "negatives", "negatives are of a category that their image shows"
    nowhere, nothing = "negatives are of no known image", "negatives have a category that is neither base nor novel"
    return [
        in_set(table, "image", [OK], "negatives are of known images", nowhere, PREPARE),
        in_set(table, "category", categories, "categories of negatives are base or novel", nothing, PREPARE),
        in_set(table, "shown", [OK], "no image shows what it is said not to show", shown, REPAIR),
    ]


def fraction_checks() -> list[Check]:
    """Fractions are nested parts of the training images, as large as they say."""
    rows = "fraction images"
    other, outside = "images of fractions are no training images", "images are not in the next larger fraction"
    twice, small = "images are in a fraction twice", "fractions have fewer images than their share"
    return [
        in_set(rows, "split", ["train"], "fractions hold training images only", other, FRACTIONS),
        in_set(rows, "nested", [OK], "each fraction is inside the larger ones", outside, FRACTIONS),
        unique(rows, ["percent", "image_id"], "no image is in a fraction twice", twice, FRACTIONS),
        between("fractions", "images_missing", "fractions have their size", small, FRACTIONS, max_value=0),
    ]


def label_checks(checks: Checks) -> list[Check]:
    """The labels of each fraction: enough of each base category, and spread as among all training images."""
    few = "base categories have too few training images to be learnt"
    lacking = "base categories in a fraction have too few labelled images"
    uneven = "fractions have labels that are spread unlike those of all training images"
    learnt = between(
        "base categories", "train_images", "base categories have training images", few,
        "label more of them, or make them novel", min_value=checks.min_labelled,
    )  # fmt: skip
    covered = between(
        "fraction labels", "labelled_missing", "each base category is labelled in each fraction", lacking,
        "raise fractions.min_images, or lower the bound", max_value=0,
    )  # fmt: skip
    balanced = between(
        "fractions", "imbalance", "labels are balanced in each fraction as in all", uneven,
        "expect less of heads trained on them", max_value=checks.max_imbalance,
    )  # fmt: skip
    return [
        learnt.decided_by("checks.min_labelled").as_warning(),
        covered.decided_by("checks.min_labelled"),
        balanced.decided_by("checks.max_imbalance").as_warning(),
    ]


def drift_checks(checks: Checks, parts: Collection[str]) -> list[Check]:
    """How far the set is from the accepted one, for the `parts` that both have."""
    found = []
    for part, name in _DRIFTED.items():
        if part in parts:
            most = getattr(checks.drift, part)
            says = f"the {name} are {{observed}} away from those of the accepted set, more than {most:g}"
            remedy = "retrain if the change is meant"
            check = single("drift", part, f"{name} are those of the accepted set", says, remedy, max_value=most)
            found.append(check.decided_by(f"checks.drift.{part}").as_warning())
    return found
