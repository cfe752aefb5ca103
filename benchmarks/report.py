"""reports/benchmark.json and its plots, and docs/benchmarks.md made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.pictures import plot_ablation, plot_fraction_curves, plot_gains
from benchmarks.targets import Rows, Target, targets
from for_retrieval.evaluate.compare import SUBSETS, describe
from for_retrieval.evaluate.plots import plot_category_gains
from for_retrieval.files import read_json, write_json, write_text

KEYS = ["benchmark", "query_set", "method", "label_fraction", "vocabulary", "subset"]
TEMPLATE = Path(__file__).with_name("benchmarks.md")


def aggregated(rows: Rows) -> Rows:
    """Rows of compare.json about the test split, one a seed -> one for all seeds, with mean and standard deviation."""
    out = []
    of_test = [row for row in rows if row["gallery"] == "test"]
    for key, part in pd.DataFrame(of_test).groupby(KEYS, sort=False):
        scores = part[["map50", "map50_r40"]]
        out.append(
            {
                **dict(zip(KEYS, key, strict=True)),
                "seeds": sorted(part["seed"].tolist()),
                "n_categories": int(part["n_categories"].iloc[0]),
                "mean": {name: round(float(value), 2) for name, value in scores.mean().items()},
                "std": {name: round(float(value), 2) for name, value in scores.std(ddof=0).items()},
            }
        )
    return out


def write_report(found: dict[str, dict[str, Any]], root: Path) -> Iterator[Path]:
    """Write everything that is made of each set's compare.json; yields each file when there.

    Sets of the report before that are not in `found` keep what it says of them.
    """
    path = root / "reports" / "benchmark.json"
    before = {"rows": [], "boxes": [], "categories": {}, **(read_json(path) if path.exists() else {})}
    new = {part: [row for one in found.values() for row in one[part]] for part in ("rows", "boxes")}
    new["rows"] = aggregated(new["rows"])
    table, boxes = (
        sorted([*(r for r in before[part] if r["benchmark"] not in found), *rows], key=itemgetter("benchmark"))
        for part, rows in new.items()
    )
    gains = {name: one["categories"] for name, one in found.items()}
    categories = dict(sorted({**before["categories"], **gains}.items()))
    judged = targets(table, boxes)
    aims = [{**vars(target), "found": round(target.found, 2), "met": target.met} for target in judged]
    write_json(path, {"rows": table, "targets": aims, "boxes": boxes, "categories": categories})
    yield path
    for name, plot in (("fractions", plot_fraction_curves), ("gains", plot_gains), ("ablation", plot_ablation)):
        path = root / "reports" / f"benchmark-{name}.png"
        plot(table, path)
        yield path
    path = root / "reports" / "benchmark-categories.png"
    plot_category_gains(categories, path)
    yield path
    path = root / "docs" / "benchmarks.md"
    write_text(path, page(table, judged, boxes, root))
    yield path


def page(table: Rows, judged: list[Target], boxes: Rows, root: Path) -> str:
    """docs/benchmarks.md: the template with its tables."""
    parts = {
        "targets": "\n".join(_targets(judged)),
        "tables": "\n".join(_tables(table)),
        "boxes": "\n".join(_boxes(boxes)),
        "speed": "\n".join(_stored(root / "reports" / "speed.json")),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in parts.items():
        text = text.replace(f"<!-- {name} -->", value)
    return text


def _targets(judged: Iterable[Target]) -> Iterator[str]:
    yield "| set | aim: points of mAP@50 r40 that FOR is ahead, or % of the boxes | wanted | found | |"
    yield "| --- | --- | --- | --- | --- |"
    for target in judged:
        said = "reached" if target.met else "**missed**"
        yield f"| {target.benchmark} | {target.what} | {target.wanted:.0f} | {target.found:.1f} | {said} |"


def _boxes(boxes: Rows) -> Iterator[str]:
    if not boxes:
        yield "Not measured yet."
        return
    subsets = [name for name in SUBSETS if name in {row["subset"] for row in boxes}]
    yield f"| set | run | {' | '.join(subsets)} |"
    yield "| --- | --- |" + " --- |" * len(subsets)
    for (name, run), part in pd.DataFrame(boxes).groupby(["benchmark", "run"], sort=False):
        cells = part.set_index("subset")[["iou50", "iou25", "inside", "oracle"]]
        shares = {subset: " / ".join(f"{value:.1f}" for value in row) for subset, row in cells.iterrows()}
        yield f"| {name} | {run} | {' | '.join(shares.get(subset, '') for subset in subsets)} |"


def _tables(table: Rows) -> Iterator[str]:
    frame = pd.DataFrame(table)
    for (benchmark, queries), part in frame.groupby(["benchmark", "query_set"], sort=False):
        subsets = [name for name in SUBSETS if name in set(part["subset"])]
        counts = part.drop_duplicates("subset").set_index("subset")["n_categories"]
        yield f"\n### {benchmark}, queries: {queries}\n"
        yield "| method | seeds | " + " | ".join(f"{name} ({counts[name]})" for name in subsets) + " |"
        yield "| --- | --- |" + " --- |" * len(subsets)
        for (method, fraction, vocabulary), group in part.groupby(KEYS[2:5], sort=False):
            cells = group.set_index("subset")
            seeds = len(cells["seeds"].iloc[0])
            what = describe(str(method), float(fraction), str(vocabulary))
            yield f"| {what} | {seeds} | " + " | ".join(_cell(cells.loc[name], seeds) for name in subsets) + " |"


def _cell(row: Any, seeds: int) -> str:
    spread = f" ± {row['std']['map50_r40']:.1f}" if seeds > 1 else ""
    return f"{row['mean']['map50']:.1f} / {row['mean']['map50_r40']:.1f}{spread}"


def _stored(path: Path) -> Iterator[str]:
    """A table that another benchmark has left: {"command", "device", "columns", "rows"}, perhaps a "note"."""
    if not path.exists():
        yield "Not measured yet."
        return
    content = read_json(path)
    yield f"`{content['command']}`, on {content['device']}:\n"
    yield "| " + " | ".join(content["columns"]) + " |"
    yield "| " + " | ".join("---" for _ in content["columns"]) + " |"
    for row in content["rows"]:
        yield "| " + " | ".join(str(value) for value in row) + " |"
    if note := content.get("note"):
        yield f"\n{note}"
