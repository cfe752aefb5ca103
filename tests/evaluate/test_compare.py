"""The comparison as files: what each row is, for people and programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from PIL import Image

from for_retrieval.evaluate.compare import category_gains, compare, describe, summarise
from for_retrieval.evaluate.plots import MOST_NAMES, plot_category_gains
from for_retrieval.files import read_json


def rows(
    method: str,
    base: float,
    novel: float | None,
    fraction: float = 0,
    vocabulary: str = "none",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """The rows of one method on one query set."""
    values = {"base": base, "novel": novel}
    return [
        {
            "benchmark": "toy",
            "query_set": "names",
            "method": method,
            "label_fraction": fraction,
            "seed": seed,
            "gallery": "test",
            "seen": False,
            "subset": subset,
            "vocabulary": vocabulary,
            "n_categories": 7,
            "map50": value,
            "map50_r40": value / 2,
        }
        for subset, value in values.items()
        if value is not None
    ]


ROWS = [
    *rows("clip", 20, 10),
    *rows("dense-clip", 30, 15),
    *rows("cluster-clip", 40, 20),
    *rows("ensemble", 44, 22),
    *rows("for", 61, 25, 1, "in"),
    *rows("for", 80, 30, 100, "in", seed=0),
    *rows("for", 90, 34, 100, "in", seed=1),
    *rows("for", 82, 26, 100, "held_out"),
]


def category(
    name: str, subset: str, method: str, r40: float, fraction: float = 0, vocabulary: str = "none", seed: int = 0
) -> dict[str, Any]:
    """What one method scores on one name."""
    return {
        "category": name,
        "subset": subset,
        "relevant": 9,
        "method": method,
        "label_fraction": fraction,
        "seed": seed,
        "vocabulary": vocabulary,
        "ap50": r40,
        "ap50_r40": r40,
    }


CATEGORIES = [
    category("car", "base", "ensemble", 99),
    category("car", "base", "cluster-clip", 40),
    category("car", "base", "for", 50, 1, "in"),
    category("car", "base", "for", 60, 100, "in", seed=0),
    category("car", "base", "for", 64, 100, "in", seed=1),
    category("car", "base", "for", 20, 100, "held_out"),
    category("car", "base", "for-without-local", 10, 100, "in"),
    category("bus", "novel", "cluster-clip", 50),
    category("bus", "novel", "for", 45, 100, "in"),
    category("ant", "novel", "cluster-clip", 0),
    category("ant", "novel", "for", 22, 100, "in"),
]


def lines(folder: Path) -> list[str]:
    return (folder / "compare.md").read_text(encoding="utf-8").splitlines()


def test_the_table_says_what_each_row_is(tmp_path: Path) -> None:
    compare(ROWS, [], CATEGORIES, [], tmp_path)
    text = lines(tmp_path)
    assert text[0] == "# Comparison on toy"
    assert "Each cell: mAP@50 / mAP@50 r40 (40 relevant images kept per query)" in text[2]
    assert text[4:] == [
        "## Queries: names",
        "",
        "| method | seeds | base (7) | novel (7) |",
        "| --- | --- | --- | --- |",
        "| CLIP (global), no training | 1 | 20.0 / 10.0 | 10.0 / 5.0 |",
        "| Dense-CLIP, no training | 1 | 30.0 / 15.0 | 15.0 / 7.5 |",
        "| Cluster-CLIP, no training | 1 | 40.0 / 20.0 | 20.0 / 10.0 |",
        "| ensemble of global, cluster and pooled dense, no training | 1 | 44.0 / 22.0 | 22.0 / 11.0 |",
        "| FOR, 1 % of the labels, novel names in the pseudo vocabulary | 1 | 61.0 / 30.5 | 25.0 / 12.5 |",
        "| FOR, 100 % of the labels, novel names in the pseudo vocabulary | 2 | 85.0 / 42.5 | 32.0 / 16.0 |",
        "| FOR, 100 % of the labels, novel names held out of it | 1 | 82.0 / 41.0 | 26.0 / 13.0 |",
    ]


def test_json_keeps_every_row_and_the_picture_opens(tmp_path: Path) -> None:
    compare(ROWS, [], CATEGORIES, [], tmp_path)
    assert read_json(tmp_path / "compare.json") == {
        "rows": ROWS,
        "boxes": [],
        "categories": category_gains(CATEGORIES),
        "training": [],
    }
    with Image.open(tmp_path / "compare.png") as picture:
        picture.load()
        assert picture.format == "PNG"
        assert min(picture.size) > 300
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "compare-categories.png",
        "compare.json",
        "compare.md",
        "compare.png",
    ]


def test_query_sets_get_a_table_each(tmp_path: Path) -> None:
    other = [{**row, "query_set": "synonyms"} for row in ROWS]
    compare(ROWS + other, [], [], [], tmp_path)
    assert [line for line in lines(tmp_path) if line.startswith("##")] == [
        "## Queries: names",
        "## Queries: synonyms",
    ]
    with Image.open(tmp_path / "compare.png") as two:
        assert two.width > 800


def test_a_set_without_novel_categories_has_no_such_column(tmp_path: Path) -> None:
    compare(rows("clip", 20, None) + rows("for", 30, None, 100, "in"), [], [], [], tmp_path)
    assert "| method | seeds | base (7) |" in lines(tmp_path)
    assert (tmp_path / "compare.png").stat().st_size > 0


def test_nothing_to_compare_is_said_and_leaves_all_files(tmp_path: Path) -> None:
    compare([], [], [], [], tmp_path)
    assert lines(tmp_path)[0] == "# Nothing to compare"
    assert read_json(tmp_path / "compare.json") == {
        "rows": [],
        "boxes": [],
        "categories": [],
        "training": [],
    }
    with Image.open(tmp_path / "compare.png") as picture:
        picture.load()


def test_names_are_in_the_order_of_their_gain_over_cluster_clip() -> None:
    """FOR with the most labels and the novel names in the vocabulary; the mean over its seeds."""
    assert category_gains(CATEGORIES) == [
        {"category": "ant", "subset": "novel", "relevant": 9, "cluster_clip": 0.0, "for": 22.0, "gain": 22.0},
        {"category": "car", "subset": "base", "relevant": 9, "cluster_clip": 40.0, "for": 62.0, "gain": 22.0},
        {"category": "bus", "subset": "novel", "relevant": 9, "cluster_clip": 50.0, "for": 45.0, "gain": -5.0},
    ]
    assert category_gains([row for row in CATEGORIES if row["method"] != "for"]) == []


def test_of_more_names_than_fit_the_picture_shows_both_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[list[str]] = []
    monkeypatch.setattr(Axes, "set_xticks", lambda axis, ticks, labels, **style: shown.append(labels))
    gains = [{"category": f"name {n}", "subset": "base", "gain": 30.0 - n} for n in range(MOST_NAMES + 40)]
    names, half = [row["category"] for row in gains], MOST_NAMES // 2
    for count in (MOST_NAMES, MOST_NAMES + 40):
        plot_category_gains({"toy": gains[:count]}, tmp_path / "gains.png")
    assert shown == [names[:MOST_NAMES], names[:half] + names[-half:]]


def test_equal_rows_give_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        compare(ROWS, [], CATEGORIES, [], tmp_path / name)
    for name in ("compare.json", "compare.md", "compare.png", "compare-categories.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_seeds_are_averaged_and_counted() -> None:
    table = summarise(ROWS).set_index(["method", "label_fraction", "vocabulary", "subset"])
    cell = table.loc[("for", 100, "in", "base")]
    assert (cell.map50, cell.map50_r40, cell.seeds) == (85, 42.5, 2)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (("clip", 0.0, "none"), "CLIP (global), no training"),
        (("for", 2.5, "held_out"), "FOR, 2.5 % of the labels, novel names held out of it"),
    ],
)
def test_a_method_in_words(key: tuple[str, float, str], said: str) -> None:
    assert describe(*key) == said


def test_boxes_are_a_table_of_runs(tmp_path: Path) -> None:
    shares = ("iou50", "iou25", "inside", "oracle")
    boxes = [
        {
            "benchmark": "toy",
            "run": run,
            "seed": seed,
            "subset": subset,
            "results": 9,
            **dict(zip(shares, values, strict=True)),
        }
        for run, seed, subset, values in [
            ("in-1", 0, "base", (10.0, 20.0, 30.0, 40.0)),
            ("in-100", 0, "base", (20.0, 30.0, 40.0, 50.0)),
            ("in-100", 1, "base", (30.0, 40.0, 60.0, 50.0)),
            ("in-100", 0, "novel", (4.0, 8.0, 16.0, 20.0)),
            ("in-100", 1, "novel", (5.0, 9.0, 17.0, 20.0)),
        ]
    ]
    compare(ROWS, boxes, [], [], tmp_path)
    lines = (tmp_path / "compare.md").read_text(encoding="utf-8").splitlines()
    assert lines[-4:] == [
        "| run | base | novel |",
        "| --- | --- | --- |",
        "| in-1 | 10.0 / 20.0 / 30.0 |  |",
        "| in-100 | 25.0 / 35.0 / 50.0 | 4.5 / 8.5 / 16.5 |",
    ]
    found = read_json(tmp_path / "compare.json")["boxes"]
    assert found[1] == {
        "benchmark": "toy",
        "run": "in-100",
        "subset": "base",
        "results": 9.0,
        "iou50": 25.0,
        "iou25": 35.0,
        "inside": 50.0,
        "oracle": 50.0,
    }
    assert len(found) == 3


def test_one_ranking_of_all_images_is_a_table_of_its_own(tmp_path: Path) -> None:
    everything = [
        {**row, "gallery": "all", "seen": seen, "map50": 70.0 if seen else 60.0}
        for row in rows("for", 1, 1, 100, "in")
        for seen in (True, False)
    ]
    share = {"benchmark": "toy", "method": "for", "seed": 0, "subset": "base", "first": 61.0, "relevant": 60.0}
    compare(ROWS + everything, [], [], [share], tmp_path)
    text = (tmp_path / "compare.md").read_text(encoding="utf-8")
    assert text.rstrip().endswith("| FOR | base | 70.0 | 60.0 | 61.0 | 60.0 |")
    compare(ROWS, [], [], [], tmp_path / "plain")
    assert text.startswith((tmp_path / "plain" / "compare.md").read_text(encoding="utf-8").rstrip())
    assert read_json(tmp_path / "compare.json")["training"] == [share]
