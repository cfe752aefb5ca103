"""The comparison that people read: methods and label fractions side by side, as JSON, table and plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from for_retrieval.evaluate.plots import NAMES, plot_category_gains, plot_comparison
from for_retrieval.files import write_json, write_text

VOCABULARY = {"none": "", "in": "novel names in the pseudo vocabulary", "held_out": "novel names held out of it"}
FILES = ("test.json", "test_boxes.json", "test_categories.json", "test_training.json")  # what `evaluate` leaves
SUBSETS = ("base", "novel", "all", "small")
KEYS = ["query_set", "method", "label_fraction", "vocabulary", "subset"]
COLUMNS = {"map50": "mean", "map50_r40": "mean", "seed": "nunique", "n_categories": "first"}
Rows = list[dict[str, Any]]


def summarise(rows: Rows) -> pd.DataFrame:
    """Mean over seeds of each (query set, method, fraction, vocabulary, subset), with the number of seeds."""
    groups = pd.DataFrame(rows).groupby(KEYS, sort=False)
    return groups.agg(COLUMNS).rename(columns={"seed": "seeds"}).reset_index()


def describe(method: str, fraction: float, vocabulary: str) -> str:
    """``FOR, 100 % of the labels, novel names in the pseudo vocabulary``."""
    name, *without = method.split("-without-")
    if name != "for":
        return f"{NAMES[name]}, no training"
    left_out = f" without {' and '.join(without)}" if without else ""
    return f"{NAMES[name]}{left_out}, {fraction:g} % of the labels, {VOCABULARY[vocabulary]}"


def markdown(table: pd.DataFrame, title: str) -> str:
    """One table for each query set; each cell is mAP@50 / mAP@50 r40."""
    cell = "mAP@50 / mAP@50 r40 (40 relevant images kept per query), mean over the seeds"
    lines = [f"# {title}", "", f"Each cell: {cell}. Test split, exact."]
    for name, part in table.groupby("query_set", sort=False):
        subsets = [s for s in SUBSETS if s in set(part["subset"])]
        counts = part.drop_duplicates("subset").set_index("subset")["n_categories"]
        table_rows = [["method", "seeds", *(f"{s} ({counts[s]})" for s in subsets)]]
        for (method, fraction, vocabulary), group in part.groupby(KEYS[1:4], sort=False):
            cells = group.set_index("subset")
            values = [f"{cells.map50[s]:.1f} / {cells.map50_r40[s]:.1f}" for s in subsets]
            what = describe(str(method), float(fraction), str(vocabulary))
            table_rows.append([what, str(cells["seeds"].iloc[0]), *values])
        lines += ["", f"## Queries: {name}", "", *_lines(table_rows)]
    return "\n".join(lines) + "\n"


def _lines(rows: list[list[str]]) -> list[str]:
    """A Markdown table; its first row is the head."""
    return [f"| {' | '.join(row)} |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:])]


def boxes_of(boxes: Rows) -> Rows:
    """The means over the seeds, by benchmark, run and subset."""
    if not boxes:
        return []
    groups = pd.DataFrame(boxes).drop(columns="seed").groupby(["benchmark", "run", "subset"], sort=False)
    return groups.mean().round(2).reset_index().to_dict("records")  # type: ignore[no-any-return]


def boxes_table(boxes: Rows) -> list[str]:
    """How often the boxes of the results are right, a line a run."""
    if not boxes:
        return []
    runs: dict[str, dict[str, str]] = {}
    for row in boxes:
        shares = (f"{row[share]:.1f}" for share in ("iou50", "iou25", "inside"))
        runs.setdefault(row["run"], {})[row["subset"]] = " / ".join(shares)
    subsets = [s for s in SUBSETS if any(s in cells for cells in runs.values())]
    rows = [[run, *(cells.get(s, "") for s in subsets)] for run, cells in runs.items()]
    about = (
        "Of the true results among a name's first 50, the share whose box is right, in %, mean over the seeds: it "
        "overlaps a thing of that name by half or more / by a quarter or more (intersection over union) / its centre "
        "lies on one."
    )
    return ["", "## Boxes", "", about, "", *_lines([["run", *subsets], *rows])]


def category_gains(categories: Rows) -> Rows:
    """AP@50 r40 of each name, from the one that gains most to the one that loses most; ties by name.

    Of Cluster-CLIP, and of FOR with the most labels and with novel names in the vocabulary: means over the seeds.
    Nothing where one of the two was not measured.
    """
    frame = pd.DataFrame(categories, columns=["category", "subset", "relevant", *KEYS[1:4], "ap50_r40"])
    trained = frame[(frame["method"] == "for") & (frame["vocabulary"] == "in")]
    trained = trained[trained["label_fraction"] == trained["label_fraction"].max()]
    key = ["category", "subset", "relevant"]
    sides = {"cluster_clip": frame[frame["method"] == "cluster-clip"], "for": trained}
    means = [part.groupby(key)["ap50_r40"].mean().rename(name) for name, part in sides.items()]
    table = pd.concat(means, axis=1, join="inner").reset_index()
    table["gain"] = table["for"] - table["cluster_clip"]
    table = table.sort_values(["gain", "category"], ascending=[False, True]).round(2)
    return table.to_dict("records")  # type: ignore[no-any-return]


def gallery_table(rows: Rows, training: Rows) -> list[str]:
    """How training images and others fare in one ranking of all images."""
    if not training:
        return []
    everything = [row for row in rows if row["gallery"] == "all"]
    scores = {(row["method"], row["subset"], row["seen"]): f"{row['map50']:.1f}" for row in everything}
    head = ["method", "names", "mAP@50, training images", "mAP@50, others"]
    lines = [[*head, "training images among the first 10, %", "among relevant images, %"]]
    for row in training:
        cells = [scores.get((row["method"], row["subset"], seen), "") for seen in (True, False)]
        lines.append([NAMES[row["method"]], row["subset"], *cells, f"{row['first']:.1f}", f"{row['relevant']:.1f}"])
    about = (
        "Names asked of train, val and test in one ranking, as users do. Relevant images of the other kind are left "
        "out of an mAP; what is irrelevant stays. What was learned by heart comes first where the share among the "
        "first results is above the share among relevant images."
    )
    return ["", "## One ranking of all images", "", about, "", *_lines(lines)]


def compare(rows: Rows, boxes: Rows, categories: Rows, training: Rows, out: Path) -> None:
    """Write compare.json, compare.md, compare.png and compare-categories.png into `out`."""
    gains, boxes = category_gains(categories), boxes_of(boxes)
    write_json(out / "compare.json", {"rows": rows, "boxes": boxes, "categories": gains, "training": training})
    everything, rows = rows, [row for row in rows if row["gallery"] != "all"]
    plot_category_gains({rows[0]["benchmark"] if rows else "": gains}, out / "compare-categories.png")
    if not rows:
        write_text(out / "compare.md", "# Nothing to compare\n\nThe test split has no annotated objects.\n")
        plot_comparison(pd.DataFrame(columns=[*KEYS, "map50_r40"]), out / "compare.png", "nothing to compare")
        return
    table = summarise(rows)
    title = f"Comparison on {rows[0]['benchmark']}"
    more = [*boxes_table(boxes), *gallery_table(everything, training), ""]
    write_text(out / "compare.md", markdown(table, title) + "\n".join(more))
    plot_comparison(table, out / "compare.png", title)
