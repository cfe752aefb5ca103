"""What is expected of objects and categories, of the fractions, and of both beside the accepted set."""

from __future__ import annotations

from collections.abc import Collection

from for_retrieval.data.checks.check import FRACTIONS, PREPARE, REPAIR, Check, between, in_set, single, unique
from for_retrieval.data.checks.tables import OK
from for_retrieval.params import Checks

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
