"""Every check, broken once by a really broken table or file, and told by its sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
import pytest
from checked import CheckedSet, noise
from great_expectations.expectations.expectation import ColumnMapExpectation
from rich.console import Console

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash
from for_retrieval.records.checks.suite import run_suite, set_checks, stored_checks
from for_retrieval.records.checks.tables import check_tables
from for_retrieval.records.checks.verdict import Check
from for_retrieval.records.fractions import save_fraction
from for_retrieval.records.records import read_tables

Break = Callable[[CheckedSet], Any]
REPAIR = "; repair the annotations, then `dvc repro`"
PREPARE = "; run `dvc repro -f prepare`"
FRACTIONS = "; run `dvc repro -f fractions`"
ALIKE = "; look at them before you trust scores on them"
COUNTS = {"the split train": 24, "the gallery (index.gallery)": 10, "the split val": 6, "the split test": 10}
DRIFTED = "; retrain if the change is intended"


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> CheckedSet:
    """The set before anything is broken; tests copy it."""
    return CheckedSet(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def checked(whole: CheckedSet, tmp_path: Path) -> CheckedSet:
    """A copy of the whole set, to break."""
    return whole.copy(tmp_path / "set")


def images(row: int, column: str, value: Any) -> Break:
    return lambda s: s.images.__setitem__(column, s.images[column].where(s.images.index != row, value))


def objects(row: int, column: str, value: Any) -> Break:
    return lambda s: s.objects.__setitem__(column, s.objects[column].where(s.objects.index != row, value))


def redraw(row: int, seed: int) -> Break:
    def change(s: CheckedSet) -> None:
        s.images.loc[row] = s.draw(row, s.images.loc[row, "split"], seed)

    return change


def resized(row: int, seed: int) -> Break:
    """The picture of another row at another size: other bytes, but the same look."""

    def change(s: CheckedSet) -> None:
        path = s.root / "images" / s.images.loc[row, "path"]
        noise(seed).resize((96, 64)).save(path)
        s.images.loc[row, ["width", "height", "hash"]] = [96, 64, file_hash(path)]

    return change


def rubbish(row: int) -> Break:
    """A file that was no picture when it was prepared either."""

    def change(s: CheckedSet) -> None:
        path = s.root / "images" / s.images.loc[row, "path"]
        path.write_bytes(b"not a picture")
        s.images.loc[row, "hash"] = file_hash(path)

    return change


def fraction(change: Callable[[list[str]], list[str]]) -> Break:
    """Rewrite the fraction of 25 %."""

    def rewrite(s: CheckedSet) -> None:
        path = s.project.data / "fractions" / "25.json"
        save_fraction(path.parent, 25, change(json.loads(path.read_text())["images"]))

    return rewrite


def bound(**changes: Any) -> Break:
    return lambda s: s.params(**changes)


def twice(s: CheckedSet) -> None:
    s.objects = pd.concat([s.objects, s.objects[:20]], ignore_index=True)


@dataclass(frozen=True)
class Broken:
    """What is done to the set before and after it is saved, and what is then said, by title of the check."""

    before: list[Break]
    said: dict[str, str]
    after: list[Break] = field(default_factory=list)


BROKEN = {
    "rows of images": Broken(
        [
            images(4, "image_id", "i03"),
            images(10, "width", 50),
            images(11, "width", 7),
            images(12, "height", 7),
            images(13, "width", 2_000_000),
            images(30, "split", "later"),
        ],
        {
            "image ids are unique": f"2 of 40 image ids occur more than once (images.image_id, first i03){REPAIR}",
            "sizes are those of the files": "4 of 40 images differ in size from the table (images.size, first "
            "i10 (48 x 32 in the file, 50 x 32 in the table), i11 (48 x 32 in the file, 7 x 32 in the table), "
            f"i12 (48 x 32 in the file, 48 x 7 in the table)){PREPARE}",
            "images are wide enough": "1 of 40 images are narrower than data.min_side (images.width, first i11)"
            f"{PREPARE} (data.min_side)",
            "images are high enough": "1 of 40 images are lower than data.min_side (images.height, first i12)"
            f"{PREPARE} (data.min_side)",
            "images are not too large": "1 of 40 images have more pixels than data.max_pixels (images.pixels, first "
            f"i13){PREPARE} (data.max_pixels)",
            "splits are train, val and test": "1 of 40 images are in no known split (images.split, first i30 (later))"
            f"{PREPARE}",
        },
    ),
    "files": Broken(
        [rubbish(1), images(4, "path", "03.png"), images(7, "hash", "12ab")],
        {
            "every path is listed once": "2 of 40 paths are listed more than once (images.path, first i03 (03.png), "
            f"i04 (03.png)){REPAIR}",
            "every file is there, unchanged, and decodes": "5 of 40 image files are missing, changed or do not decode "
            "(images.file, first i01 (not an image of a supported format), i02 (missing file), i04 (changed since it "
            "was prepared)); restore or remove the files, then `dvc repro`",
            "hashes are sha256": "1 of 40 images have no sha256 as their hash (images.hash, first i07 (12ab))"
            f"{PREPARE}",
        },
        [lambda s: (s.root / "images/02.png").unlink(), lambda s: noise(99).save(s.root / "images/05.png")],
    ),
    "copies": Broken(
        [*(redraw(row, 0) for row in (1, 2, 3, 4, 5, 30)), resized(26, 9), bound(max_near_duplicates=0.02)],
        {
            "no content is in two splits": "7 of 40 images have a copy in another split (images.splits_of_content, "
            "first i00, i01, i02); remove the copies, or put them into one split",
            "few images are copies": "5 of 40 images are exact copies of another one in their split (images.copy_of, "
            "more than 10.0%, first i01 (i00), i02 (i00), i03 (i00)); remove the copies, or raise the bound "
            "(checks.max_duplicates)",
            "few images look like another one": "2 of 40 images look like another one (images.looks_like, more than "
            f"2.0%, first i09 (i26), i26 (i09)){ALIKE} (checks.max_near_duplicates)",
            "few images of val and test look like a training image": "1 of 16 images of val and test look like a "
            f"training image (images.looks_like_train, more than 2.0%, first i26 (i09)){ALIKE} "
            "(checks.max_near_leakage)",
        },
    ),
    "numbers": Broken(
        [bound(min_images=30, min_labelled=20, max_imbalance=0.1)],
        {
            **{
                f"{place} has images": f"{place} has {count} images, fewer than 30; check data.splits and "
                "data.split_ratio (checks.min_images)"
                for place, count in COUNTS.items()
            },
            "base categories have training images": "1 of 2 base categories have too few training images to be learnt "
            "(base categories.train_images, first bus); label more of them, or make them novel (checks.min_labelled)",
            "each base category is labelled in each fraction": "2 of 4 base categories in a fraction have too few "
            "labelled images (fraction labels.labelled_missing, first 25 % bus, 25 % car); raise "
            "fractions.min_images, or lower the bound (checks.min_labelled)",
            "labels are balanced in each fraction as in all": "1 of 2 fractions have labels that are spread unlike "
            "those of all training images (fractions.imbalance, first 25 %); expect less of heads trained on them "
            "(checks.max_imbalance)",
        },
        [fraction(lambda ids: ["i00", "i02", "i04", "i06", "i08", "i10"])],
    ),
    "objects": Broken(
        [
            twice,
            objects(40, "image_id", "i77"),
            objects(42, "x", -1),
            objects(45, "y", -0.5),
            objects(47, "w", 44.5),
            objects(50, "h", 27.5),
            objects(52, "w", 0),
            objects(55, "h", -3),
            objects(57, "category", "horse"),
            objects(60, "attributes", "red"),
        ],
        {
            "objects are in known images": "1 of 120 objects are in no known image (objects.image, first i77 (unknown "
            f"image)){PREPARE}",
            "no box begins left of its image": "1 of 120 boxes begin left of their image (objects.x, first i17)"
            f"{REPAIR}",
            "no box begins above its image": f"1 of 120 boxes begin above their image (objects.y, first i18){REPAIR}",
            "no box ends right of its image": "1 of 120 boxes end right of their image (objects.beyond_right, first "
            f"i19){REPAIR} (checks.box_slack)",
            "no box ends below its image": "1 of 120 boxes end below their image (objects.beyond_bottom, first i20)"
            f"{REPAIR} (checks.box_slack)",
            "boxes have a width": f"1 of 120 boxes have no width (objects.w, first i21){REPAIR}",
            "boxes have a height": f"1 of 120 boxes have no height (objects.h, first i22){REPAIR}",
            "categories are base or novel": "1 of 120 objects have a category that is neither base nor novel "
            f"(objects.category, first i23 (horse)){PREPARE}",
            "attributes are JSON objects": "1 of 120 objects have attributes that are not a JSON object "
            f"(objects.attributes_are, first i24 (not a JSON object)){REPAIR}",
            "few objects are listed twice": "40 of 120 objects are listed more than once (objects: image_id, x, y, w, "
            f"h, category, more than 10.0%, first i00, i01, i02){REPAIR} (checks.max_duplicates)",
        },
    ),
    "negatives": Broken(
        [
            lambda s: setattr(
                s,
                "negatives",
                pd.DataFrame(
                    [("i00", "bus"), ("i01", "bus"), ("i02", "horse"), ("i77", "car")], columns=["image_id", "category"]
                ),
            )
        ],
        {
            "negatives are of known images": "1 of 4 negatives are of no known image (negatives.image, first i77 car "
            f"(unknown image)){PREPARE}",
            "categories of negatives are base or novel": "1 of 4 negatives have a category that is neither base nor "
            f"novel (negatives.category, first i02 horse){PREPARE}",
            "no image shows what it is said not to show": "1 of 4 negatives are of a category that their image shows "
            f"(negatives.shown, first i01 bus (its image has a box of it)){REPAIR}",
        },
    ),
    "fractions": Broken(
        [],
        {
            "fractions hold training images only": "2 of 30 images of fractions are not training images (fraction "
            f"images.split, first 25 % i30 (test), 25 % i99 (no image of this set)){FRACTIONS}",
            "each fraction is inside the larger ones": "2 of 30 images are not in the next larger fraction (fraction "
            f"images.nested, first 25 % i30 (not in 100 %), 25 % i99 (not in 100 %)){FRACTIONS}",
            "no image is in a fraction twice": "2 of 30 images are in a fraction twice (fraction images: percent, "
            f"image_id, first 25 % i00){FRACTIONS}",
            "fractions have their size": "1 of 2 fractions have fewer images than their share "
            f"(fractions.images_missing, first 25 %){FRACTIONS}",
        },
        [fraction(lambda ids: [*ids[:3], ids[0], "i30", "i99"])],
    ),
}
TOLD = {title for broken in BROKEN.values() for title in broken.said}

ACCEPTED = {
    "name": "checked",
    "digest": "d1",
    "categories": {"car": 1, "dog": 1},
    "box_size": {"0.5": 0.1},
    "brightness": {"mean": 0.9},
}
DRIFT = {
    "category frequencies are those of the accepted set": "the category frequencies are 0.2 away from those of the "
    f"accepted set, more than 0.1{DRIFTED} (checks.drift.categories)",
    "box sizes are those of the accepted set": "the box sizes are 1.1333 away from those of the accepted set, "
    f"more than 0.25{DRIFTED} (checks.drift.box_size)",
    "brightness values are those of the accepted set": "the brightness values are 0.4041 away from those of the "
    f"accepted set, more than 0.1{DRIFTED} (checks.drift.brightness)",
}


@pytest.mark.parametrize("part", BROKEN)
def test_what_is_broken_is_told_in_a_sentence_each(checked: CheckedSet, part: str) -> None:
    broken = BROKEN[part]
    for change in broken.before:
        change(checked)
    checked.save()
    for change in broken.after:
        change(checked)
    verdict = checked.check()
    told = {outcome.check.title: outcome.sentence() for outcome in verdict.outcomes if not outcome.success}
    assert {title: told.get(title) for title in broken.said} == broken.said
    with pytest.raises(ForError) as caught:
        verdict.raise_if_failed(Path("page"))
    failed, warned = str(caught.value).splitlines()[1:], verdict.summary().splitlines()[:-1]
    assert {line.removeprefix("  ") for line in failed} == {outcome.sentence() for outcome in verdict.failures}
    assert warned == [f"warning: {outcome.sentence()}" for outcome in verdict.warnings]
    assert len(failed) + len(warned) == len(told)


def test_drift_warns_and_stops_nothing(checked: CheckedSet) -> None:
    checked.save()
    verdict = checked.check(ACCEPTED)
    assert {outcome.check.title: outcome.sentence() for outcome in verdict.warnings} == DRIFT
    assert verdict.accepted == "d1"
    verdict.raise_if_failed(Path("page"))
    assert verdict.summary().splitlines()[-1] == f"{len(verdict.outcomes)} checks passed, 3 of them with a warning"


def test_every_check_of_the_suite_is_broken_above(checked: CheckedSet) -> None:
    checked.negatives = pd.DataFrame({"image_id": ["i00"], "category": ["bus"]})
    records = checked.save()
    params = checked.project.params
    drift = {"categories": 0.0, "box_size": 0.0, "brightness": 0.0}
    tables = check_tables(records, ["x"] * 40, {100: []}, params, drift)
    titles = [check.title for check in set_checks(params, records.info, tables)]
    assert len(set(titles)) == len(titles)
    assert set(titles) == TOLD | DRIFT.keys()


@pytest.mark.parametrize(
    ("table", "change", "sentence"),
    [
        (
            "images",
            lambda f: f.drop(columns="width"),
            "images.parquet has other columns than image_id, path, width, height, hash, split; run",
        ),
        ("objects", lambda f: f.assign(extra=1), "objects.parquet has other columns than image_id, x, y, w, h"),
        (
            "objects",
            lambda f: f.astype({"x": "float64"}),
            "objects.parquet holds float64 in the column x, not float32;",
        ),
        ("images", lambda f: f.assign(path=f["path"].where(f.index != 3)), "1 of 40 rows have no path (images.parquet"),
    ],
)
def test_tables_of_another_format_are_told_before_anything_else(
    checked: CheckedSet, table: str, change: Any, sentence: str
) -> None:
    checked.save()
    checked.store(table, change)
    verdict = checked.check()
    assert len(verdict.failures) == 1
    assert verdict.failures[0].sentence().startswith(sentence)
    assert {outcome.check.table for outcome in verdict.outcomes} == {"images.parquet", "objects.parquet"}
    assert not (checked.project.data / "validation" / "profile.json").exists()
    assert not json.loads((checked.project.reports / "validation.json").read_text())["success"]


def test_a_whole_set_passes_and_a_second_run_changes_no_byte(checked: CheckedSet) -> None:
    checked.save()
    project = checked.project
    verdict = checked.check()
    assert (verdict.failures, verdict.warnings) == ([], [])
    assert verdict.summary() == f"{len(verdict.outcomes)} checks passed"
    report = json.loads((project.reports / "validation.json").read_text())
    assert (report["success"], report["checks"], report["accepted"]) == (True, len(report["outcomes"]), None)
    stored = {f"{name}.parquet": table for name, table in read_tables(project.prepared).items()}
    assert report["checks"] == len(stored_checks(stored)) + len(TOLD) - len(BROKEN["negatives"].said)
    files = [project.reports / "validation.json", *(project.data / "validation").iterdir()]
    assert len(files) == 2 + 1 + 9  # report, profile, index, and a page for each table
    before = {path: path.read_bytes() for path in files}
    assert not [path for path, content in before.items() if str(project.root).encode() in content]
    checked.check()
    assert {path: path.read_bytes() for path in files} == before


def test_the_table_for_people_has_what_is_broken_and_no_long_list_of_types(checked: CheckedSet) -> None:
    checked.objects.loc[2, "w"] = 0
    checked.save()
    checked.store("images", lambda f: f.assign(path=f["path"].where(f.index != 3)))
    console = Console(width=120, record=True, file=StringIO())
    console.print(checked.check().table())
    lines = [" ".join(line.replace("│", " ").split()) for line in console.export_text().splitlines()]
    assert "ok columns and types are right images.parquet 0 of 12 checks" in lines
    assert "ok columns and types are right objects.parquet 0 of 17 checks" in lines
    assert "fails path is filled images.parquet 1 of 40" in lines


def test_a_failure_raises_after_everything_was_written(checked: CheckedSet) -> None:
    checked.images.loc[0, "width"] = 50
    checked.objects.loc[2, "w"] = 0
    checked.save()
    verdict = checked.check()
    with pytest.raises(ForError) as caught:
        verdict.raise_if_failed(Path("data/validation/index.html"))
    lines = str(caught.value).splitlines()
    count = f"2 of {len(verdict.outcomes)}"
    assert lines[0] == f"checked failed {count} checks; all of them are in data/validation/index.html"
    assert [line[:12] for line in lines[1:]] == ["  1 of 40 im", "  1 of 100 b"]
    assert not json.loads((checked.project.reports / "validation.json").read_text())["success"]
    pages = {page.name: page.read_text() for page in (checked.project.data / "validation").glob("*.html")}
    assert len(pages) == 10
    assert "must not be used" in pages["index.html"]
    assert "1 of 100 boxes have no width" in pages["index.html"]
    assert "boxes have a width" in pages["objects.html"]
    assert "1 unexpected values found" in pages["objects.html"]
    for text in pages.values():
        assert "<style>" in text
        assert "http" not in text  # nothing is loaded from elsewhere
        assert "<script" not in text


def test_a_folder_without_labels(tmp_path: Path) -> None:
    plain = CheckedSet(tmp_path / "plain", labelled=False)
    plain.save()
    verdict = plain.check({"name": "checked", "categories": {}, "box_size": None, "brightness": {"mean": 0.5}})
    assert (verdict.failures, verdict.warnings) == ([], [])
    tables = {outcome.check.table for outcome in verdict.outcomes}
    assert tables == {"images.parquet", "objects.parquet", "images", "counts", "fraction images", "fractions", "drift"}
    assert [o.check.column for o in verdict.outcomes if o.check.table == "drift"] == ["brightness"]


def test_objects_without_any_category_are_told(tmp_path: Path) -> None:
    plain = CheckedSet(tmp_path / "plain", labelled=False)
    plain.objects = pd.DataFrame([("i00", 1, 1, 2, 2, "car", "{}", False)], columns=list(plain.objects))
    plain.save()
    assert "1 of 1 objects have a category that is neither" in plain.check().failures[0].sentence()


def test_an_unknown_fraction_is_told(checked: CheckedSet) -> None:
    checked.save()
    (checked.project.data / "fractions" / "25.json").unlink()
    with pytest.raises(ForError, match=r"25.json does not exist; run `dvc repro fractions`"):
        checked.check()


def test_an_expectation_that_is_not_registered_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its map_metric is annotated, so that Great Expectations does not register it."""

    class ExpectLost(ColumnMapExpectation):
        map_metric: str = "column_values.nowhere"

    monkeypatch.setattr(gxe, "ExpectLost", ExpectLost, raising=False)
    check = Check("images", "it is kept", "ExpectLost", {"column": "a"}, "x", "y")
    with pytest.raises(ForError, match=r"the checks of images could not be evaluated \(expect_lost not found\); run"):
        run_suite({"images": pd.DataFrame({"a": [1], "image_id": ["i"]})}, [check])


def test_a_lost_result_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two checks of which Great Expectations answers the first twice."""

    def again(**options: Any) -> Any:
        return gxe.ExpectColumnValuesToBeUnique(**{**options, "meta": {"check": 0}})

    monkeypatch.setattr(gxe, "ExpectAgain", again, raising=False)
    checks = [
        Check("t", "the first", "ExpectColumnValuesToBeUnique", {"column": "a"}, "x", "y"),
        Check("t", "the second", "ExpectAgain", {"column": "a"}, "x", "y"),
    ]
    with pytest.raises(ForError, match=r"2 checks were built but 1 evaluated; the first lost one is 'the second'"):
        run_suite({"t": pd.DataFrame({"a": [1]})}, checks)


def test_an_expectation_that_cannot_be_evaluated_is_an_error() -> None:
    check = Check("t", "there is a b", "ExpectColumnValuesToBeUnique", {"column": "b"}, "x", "y")
    with pytest.raises(ForError, match="the check 'there is a b' of t could not be evaluated"):
        run_suite({"t": pd.DataFrame({"a": [1]})}, [check])
