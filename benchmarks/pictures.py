"""Pictures of the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.targets import Rows
from for_retrieval.evaluate.plots import COLOURS, panels, save


def _names(table: Rows, subset: str, **same: Any) -> Rows:
    """Rows of the query set `names` and a subset whose other entries are as given."""
    wanted = {"query_set": "names", "subset": subset, **same}
    return [row for row in table if all(row[key] == value for key, value in wanted.items())]


def _sets(table: Rows) -> list[str]:
    return list(dict.fromkeys(row["benchmark"] for row in table))


def plot_fraction_curves(table: Rows, path: Path) -> None:
    """mAP@50 r40 against the percentage of labels, a panel a set; Cluster-CLIP as a line across."""
    sets = _sets(table)
    figure, axes = panels(1, len(sets), 4 * len(sets), 3.6)
    for axis, benchmark in zip(axes[0], sets, strict=True):
        for subset, colour in (("base", COLOURS["for"]), ("novel", COLOURS["cluster-clip"])):
            rows = _names(table, subset, benchmark=benchmark, method="for", vocabulary="in")
            rows.sort(key=lambda row: row["label_fraction"])
            x, y, spread = ([row["label_fraction"] for row in rows], *(_column(rows, k) for k in ("mean", "std")))
            axis.errorbar(x, y, spread, marker="o", color=colour, capsize=3, label=f"FOR, {subset}")
            for row in _names(table, subset, benchmark=benchmark, method="cluster-clip"):
                axis.axhline(row["mean"]["map50_r40"], color=colour, linestyle=":", label=f"Cluster-CLIP, {subset}")
        axis.set_xscale("log")
        axis.set_xticks(x, [f"{value:g}" for value in x])
        axis.minorticks_off()
        axis.set_title(benchmark, fontsize=10)
        axis.set_xlabel("percent of the labels")
    axes[0, 0].set_ylabel("mAP@50 r40, names")
    axes[0, 0].legend(frameon=False, fontsize=7)
    save(figure, path)


def plot_gains(table: Rows, path: Path) -> None:
    """Points of mAP@50 r40 over Cluster-CLIP for each subset and set of queries, with all labels."""
    sets = _sets(table)
    figure, axes = panels(1, len(sets), 4 * len(sets), 3.6)
    kinds = [(q, s) for q in ("names", "attributes", "synonyms") for s in ("base", "novel", "small")]
    for axis, benchmark in zip(axes[0], sets, strict=True):
        for place, (queries, subset) in enumerate(reversed(kinds)):
            same = {"query_set": queries, "subset": subset, "benchmark": benchmark}
            mine = [row for row in table if all(row[key] == value for key, value in same.items())]
            best = [r["mean"]["map50_r40"] for r in mine if r["method"] == "for" and r["label_fraction"] == 100]
            theirs = [r["mean"]["map50_r40"] for r in mine if r["method"] == "cluster-clip"]
            for value, offset, alpha in zip(best, (0.2, -0.2), (1.0, 0.5), strict=False):
                axis.barh(place + offset, value - theirs[0], 0.38, color=COLOURS["for"], alpha=alpha)
        axis.axvline(0, color="#444", linewidth=0.8)
        axis.set_yticks(range(len(kinds)), [f"{q}, {s}" for q, s in reversed(kinds)], fontsize=8)
        axis.set_title(benchmark, fontsize=10)
        axis.set_xlabel("points over Cluster-CLIP\n(pale: novel names held out)", fontsize=8)
    save(figure, path)


def plot_ablation(table: Rows, path: Path) -> None:
    """Base and novel with all labels, and with one objective left out, of the sets that were measured so."""
    without = {row["benchmark"] for row in table if row["method"].startswith("for-without-")}
    sets = [name for name in _sets(table) if name in without] or _sets(table)
    figure, axes = panels(1, len(sets), 4 * len(sets), 3)
    for axis, benchmark in zip(axes[0], sets, strict=True):
        rows = {
            subset: {
                row["method"]: row["mean"]["map50_r40"]
                for row in _names(table, subset, benchmark=benchmark, label_fraction=100, vocabulary="in")
            }
            for subset in ("base", "novel")
        }
        methods = list(rows["base"])
        for offset, subset, alpha in ((0.2, "base", 1.0), (-0.2, "novel", 0.55)):
            for place, method in enumerate(reversed(methods)):
                value = rows[subset].get(method, 0.0)
                axis.barh(place + offset, value, 0.38, color=COLOURS["for"], alpha=alpha)
                axis.text(value + 0.6, place + offset, f"{value:.0f}", va="center", fontsize=8)
        labels = [method.replace("for-without-", "without ") for method in reversed(methods)]
        axis.set_yticks(range(len(methods)), ["FOR" if label == "for" else label for label in labels])
        axis.set_title(benchmark, fontsize=10)
        axis.set_xlabel("mAP@50 r40 (full: base, pale: novel)", fontsize=8)
    save(figure, path)


def _column(rows: Rows, what: str) -> list[float]:
    return [row[what]["map50_r40"] for row in rows]
