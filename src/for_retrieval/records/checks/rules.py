"""The rules of the stage `validate`: what is expected of images, labels and fractions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from for_retrieval.params import Params
from for_retrieval.records.checks.tables import OK, Tables
from for_retrieval.records.records import IMAGE_COLUMNS, NEGATIVE_COLUMNS, OBJECT_COLUMNS, DatasetInfo
from for_retrieval.records.splits import SPLITS

REPAIR = "repair the annotations, then `dvc repro`"
PREPARE = "run `dvc repro -f prepare`"
FRACTIONS = "run `dvc repro -f fractions`"
_RESTORE = "restore or remove the files, then `dvc repro`"
_COPIES = "remove the copies, or put them into one split"
_ALIKE = "look at them before you trust scores on them"
STORED = {
    "images.parquet": IMAGE_COLUMNS,
    "objects.parquet": OBJECT_COLUMNS,
    "negatives.parquet": NEGATIVE_COLUMNS,  # only if images were not searched for every category
}


@dataclass(frozen=True)
class Check:
    """One expectation of one table; suite.py turns it into one of Great Expectations.

    title: what holds, in plain words. expectation: the class, with its options.
    says: what is wrong, to follow "3 of 60 " where rows are counted; otherwise a clause with ``{observed}`` in it.
    remedy: what to do. bound: the key of params.yaml with the limit, if there is one. warns: a failure stops nothing.
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


class Rules:
    """Builds checks. Each method adds one: table, column, title, says and remedy as in `Check`.

    A limit is a number, or the key of params.yaml that holds it.
    """

    def __init__(self, params: Params) -> None:
        self.params = params
        self.checks: list[Check] = []

    def among(self, table: str, column: str, values: Iterable[Any], title: str, says: str, remedy: str) -> None:
        """Every value is one of `values`."""
        options = {"column": column, "value_set": list(values)}
        self.checks.append(Check(table, title, "ExpectColumnValuesToBeInSet", options, says, remedy))

    def between(
        self, table: str, column: str, title: str, says: str, remedy: str,
        least: float | str | None = None, most: float | str | None = None, bound: str = "", warns: bool = False,
        one: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        """Every value is within limits. one: the table has a single row, and `says` has ``{observed}`` in it.

        bound: the key of params.yaml that decides, if it is not one of the limits.
        """
        given = {"min_value": least, "max_value": most}
        options |= {name: self._value(limit) for name, limit in given.items() if limit is not None}
        kind = "ExpectColumnMaxToBeBetween" if one else "ExpectColumnValuesToBeBetween"
        bound = bound or next((limit for limit in given.values() if isinstance(limit, str)), "")
        self.checks.append(Check(table, title, kind, {"column": column, **options}, says, remedy, bound, warns))

    def unique(self, table: str, columns: list[str], title: str, says: str, remedy: str, most: str = "") -> None:
        """No value, or combination of several columns, occurs twice. most: the share of rows that may."""
        one = len(columns) == 1
        kind = "ExpectColumnValuesToBeUnique" if one else "ExpectCompoundColumnsToBeUnique"
        options: dict[str, Any] = {"column": columns[0]} if one else {"column_list": columns}
        options["mostly"] = 1 - (self._value(most) if most else 0)
        self.checks.append(Check(table, title, kind, options, says, remedy, most))

    def empty(
        self, table: str, column: str, title: str, says: str, remedy: str, most: str, warns: bool = False, **only: str
    ) -> None:
        """The column, which names what is wrong with a row, is null except for a share `most` of the rows."""
        options = {"column": column, "mostly": 1 - self._value(most), **only}
        kind = "ExpectColumnValuesToBeNull"
        self.checks.append(Check(table, title, kind, options, says, remedy, most, warns))

    def _value(self, limit: float | str) -> Any:
        return reduce(getattr, limit.split("."), self.params) if isinstance(limit, str) else limit


# fmt: off
def _images(add: Rules) -> None:
    t = "images"
    add.unique(t, ["image_id"], "image ids are unique", "image ids occur more than once", REPAIR)
    add.unique(t, ["path"], "every path is listed once", "paths are listed more than once", REPAIR)
    add.among(t, "file", [OK], "every file is there, unchanged, and decodes",
              "image files are missing, changed or do not decode", _RESTORE)
    add.among(t, "size", [OK], "sizes are those of the files", "images differ in size from the table", PREPARE)
    for side, word, less in (("width", "wide", "narrower"), ("height", "high", "lower")):
        add.between(t, side, f"images are {word} enough", f"images are {less} than data.min_side", PREPARE,
                    least="data.min_side")
    add.between(t, "pixels", "images are not too large", "images have more pixels than data.max_pixels", PREPARE,
                most="data.max_pixels")
    sha256 = {"column": "hash", "regex": "^[0-9a-f]{64}$"}
    add.checks.append(Check(t, "hashes are sha256", "ExpectColumnValuesToMatchRegex", sha256,
                            "images have no sha256 as their hash", PREPARE))
    add.among(t, "split", SPLITS, "splits are train, val and test", "images are in no known split", PREPARE)
    add.between(t, "splits_of_content", "no content is in two splits", "images have a copy in another split", _COPIES,
                most=1)
    add.empty(t, "copy_of", "few images are copies", "images are exact copies of another one in their split",
              "remove the copies, or raise the bound", "checks.max_duplicates")
    add.empty(t, "looks_like", "few images look like another one", "images look like another one", _ALIKE,
              "checks.max_near_duplicates", warns=True)
    add.empty(t, "looks_like_train", "few images of val and test look like a training image",
              "images of val and test look like a training image", _ALIKE, "checks.max_near_leakage", warns=True,
              row_condition='split != "train"', condition_parser="pandas")


def _counts(add: Rules, labelled: bool) -> None:
    least = add.params.checks.min_images
    places = {"train": "the split train", "gallery": "the gallery (index.gallery)"}
    if labelled:
        places |= {"val": "the split val", "test": "the split test"}
    for column, place in places.items():
        add.between("counts", column, f"{place} has images", f"{place} has {{observed}} images, fewer than {least}",
                    "check data.splits and data.split_ratio", least="checks.min_images", one=True,
                    warns=column in ("val", "test"))


def _objects(add: Rules, categories: list[str]) -> None:
    t = "objects"
    add.among(t, "image", [OK], "objects are in known images", "objects are in no known image", PREPARE)
    add.between(t, "x", "no box begins left of its image", "boxes begin left of their image", REPAIR, least=0)
    add.between(t, "y", "no box begins above its image", "boxes begin above their image", REPAIR, least=0)
    for column, where in (("beyond_right", "right of"), ("beyond_bottom", "below")):
        add.between(t, column, f"no box ends {where} its image", f"boxes end {where} their image", REPAIR,
                    most="checks.box_slack")
    for column, side in (("w", "width"), ("h", "height")):
        add.between(t, column, f"boxes have a {side}", f"boxes have no {side}", REPAIR, least=0, strict_min=True)
    add.among(t, "category", categories, "categories are base or novel",
              "objects have a category that is neither base nor novel", PREPARE)
    add.among(t, "attributes_are", [OK], "attributes are JSON objects",
              "objects have attributes that are not a JSON object", REPAIR)
    add.unique(t, ["image_id", "x", "y", "w", "h", "category"], "few objects are listed twice",
               "objects are listed more than once", REPAIR, "checks.max_duplicates")


def _negatives(add: Rules, categories: list[str]) -> None:
    t = "negatives"
    add.among(t, "image", [OK], "negatives are of known images", "negatives are of no known image", PREPARE)
    add.among(t, "category", categories, "categories of negatives are base or novel",
              "negatives have a category that is neither base nor novel", PREPARE)
    add.among(t, "shown", [OK], "no image shows what it is said not to show",
              "negatives are of a category that their image shows", REPAIR)


def _fractions(add: Rules) -> None:
    t = "fraction images"
    add.among(t, "split", ["train"], "fractions hold training images only",
              "images of fractions are not training images", FRACTIONS)
    add.among(t, "nested", [OK], "each fraction is inside the larger ones",
              "images are not in the next larger fraction", FRACTIONS)
    add.unique(t, ["percent", "image_id"], "no image is in a fraction twice", "images are in a fraction twice",
               FRACTIONS)
    add.between("fractions", "images_missing", "fractions have their size",
                "fractions have fewer images than their share", FRACTIONS, most=0)


def _labels(add: Rules) -> None:
    """The labels of each fraction: enough of each base category, and distributed as in all training images."""
    add.between("base categories", "train_images", "base categories have training images",
                "base categories have too few training images to be learnt",
                "label more of them, or make them novel", least="checks.min_labelled", warns=True)
    add.between("fraction labels", "labelled_missing", "each base category is labelled in each fraction",
                "base categories in a fraction have too few labelled images",
                "raise fractions.min_images, or lower the bound", most=0, bound="checks.min_labelled")
    add.between("fractions", "imbalance", "labels are balanced in each fraction as in all",
                "fractions have labels that are spread unlike those of all training images",
                "expect less of heads trained on them", most="checks.max_imbalance", warns=True)
# fmt: on


def _drift(add: Rules, parts: Iterable[str]) -> None:
    """How far the set is from the accepted one, in the `parts` that both have."""
    names = {"categories": "category frequencies", "box_size": "box sizes", "brightness": "brightness values"}
    for part, name in names.items():
        if part in parts:
            most = getattr(add.params.checks.drift, part)
            says = f"the {name} are {{observed}} away from those of the accepted set, more than {most:g}"
            title, remedy = f"{name} are those of the accepted set", "retrain if the change is intended"
            add.between("drift", part, title, says, remedy, most=f"checks.drift.{part}", warns=True, one=True)


def set_checks(params: Params, info: DatasetInfo, tables: Tables) -> list[Check]:
    """Every check that applies to the set: a plain folder has no objects, a first set no drift."""
    labelled = bool(info.base) or len(tables["objects"]) > 0
    rules, categories = Rules(params), [*info.base, *info.novel]
    _images(rules)
    _counts(rules, labelled)
    if labelled:
        _objects(rules, categories)
    if "negatives" in tables:
        _negatives(rules, categories)
    _fractions(rules)
    if labelled:
        _labels(rules)
    _drift(rules, tables["drift"].columns)
    return rules.checks


def stored_checks(stored: Tables) -> list[Check]:
    """Whether the stored tables have the columns and types that all other checks rely on."""
    checks = []
    for table, frame in stored.items():
        columns = STORED[table]
        options = {"column_set": list(columns), "exact_match": True}
        title, says = "the columns are those of the format", f"{table} has other columns than {', '.join(columns)}"
        checks.append(Check(table, title, "ExpectTableColumnsToMatchSet", options, says, PREPARE))
        for name, kind in columns.items():
            if name in frame:  # otherwise the check above fails
                typed, title = {"column": name, "type_": kind}, f"{name} is {kind}"
                says = f"{table} holds {{observed}} in the column {name}, not {kind}"
                checks.append(Check(table, title, "ExpectColumnValuesToBeOfType", typed, says, PREPARE))
                title, says = f"{name} is filled", f"rows have no {name}"
                checks.append(Check(table, title, "ExpectColumnValuesToNotBeNull", {"column": name}, says, PREPARE))
    return checks
