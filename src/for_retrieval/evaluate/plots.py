"""Plots of what was measured; matplotlib is loaded when the first is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from for_retrieval.files import atomic

_METHODS = {
    "clip": ("#b8b8b8", "CLIP", "CLIP (global)"),
    "dense-clip": ("#8fa8c8", "Dense", "Dense-CLIP"),
    "cluster-clip": ("#4a78b0", "Cluster", "Cluster-CLIP"),
    "ensemble": ("#6a9a5b", "ensemble", "ensemble of global, cluster and pooled dense"),
    "for": ("#d9612b", "FOR", "FOR"),
}
COLOURS, SHORT, NAMES = ({method: row[i] for method, row in _METHODS.items()} for i in range(3))
MOST_NAMES = 160  # in one panel


def panels(rows: int, columns: int, width: float, height: float, *, shared: bool = True) -> tuple[Any, Any]:
    """A figure of `width` x `height` inches, and its axes [rows, columns], without a frame at the top and the right.

    shared: the panels of a row have one scale of values.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sharey: Any = shared and "row"
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False, sharey=sharey)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Any, path: Path, dpi: int = 100) -> None:
    """Write the figure as PNG; equal figures are equal bytes."""
    import matplotlib.pyplot as plt

    figure.tight_layout()
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=dpi, metadata={"Software": None})
    plt.close(figure)


def _label(method: str, fraction: float, vocabulary: str) -> str:
    name, *without = method.split("-without-")
    if name != "for":
        return SHORT[name]
    left_out = f" without {', '.join(without)}" if without else ""
    return f"FOR{left_out} {fraction:g} %" + (", held out" if vocabulary == "held_out" else "")


def plot_comparison(table: pd.DataFrame, path: Path, title: str) -> None:
    """Bars of mAP@50 r40 for base and novel categories, one panel a query set."""
    sets = list(dict.fromkeys(table["query_set"])) or [""]
    figure, axes = panels(1, len(sets), 5.2 * len(sets), 5)
    for axis, name in zip(axes[0], sets, strict=True):
        part = table[(table["query_set"] == name) & table["subset"].isin(["base", "novel"])]
        wide = part.pivot_table(
            index=["method", "label_fraction", "vocabulary"], columns="subset", values="map50_r40", sort=False
        )
        for i, ((method, _, _), row) in enumerate(wide[::-1].iterrows()):
            for offset, subset, alpha in ((0.2, "base", 1.0), (-0.2, "novel", 0.55)):
                value = row.get(subset, float("nan"))
                axis.barh(i + offset, value, 0.38, color=COLOURS[method.partition("-without-")[0]], alpha=alpha)
                if value == value:
                    axis.text(value + 0.6, i + offset, f"{value:.0f}", va="center", fontsize=8)
        axis.margins(x=0.1)  # for the figures at the ends of the bars
        axis.set_yticks(range(len(wide)), [_label(*key) for key in wide.index[::-1]])
        axis.set_title(f"queries: {name}" if name else "", fontsize=10)
        axis.set_xlabel("mAP@50 r40 (full: base, pale: novel)")
    figure.suptitle(title)
    save(figure, path, dpi=110)


def plot_category_gains(sets: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Points of AP@50 r40 over Cluster-CLIP for each name, a panel a set, from `category_gains`.

    Of more names than fit, those that gain most and those that gain least.
    """
    figure, axes = panels(len(sets), 1, 16, 3.4 * len(sets))
    for axis, (title, gains) in zip(axes[:, 0], sets.items(), strict=True):
        half = MOST_NAMES // 2
        shown = gains if len(gains) <= MOST_NAMES else gains[:half] + gains[-half:]
        for subset, colour in (("base", COLOURS["for"]), ("novel", COLOURS["cluster-clip"])):
            own = [(place, row["gain"]) for place, row in enumerate(shown) if row["subset"] == subset]
            mean = f", mean {sum(row[1] for row in own) / len(own):+.1f}" if own and shown is gains else ""
            axis.bar(*(zip(*own, strict=True) if own else ([], [])), color=colour, label=subset + mean)
        axis.axhline(0, color="#444", linewidth=0.8)
        size = 8 if len(shown) <= 80 else 6
        axis.set_xticks(range(len(shown)), [row["category"] for row in shown], rotation=90, fontsize=size)
        axis.set_xlim(-1, max(1, len(shown)))
        left_out = f" ({half} that gain most, {half} that gain least)" if shown is not gains else ""
        axis.set_title(title + left_out, fontsize=10)
        axis.set_ylabel("points of AP@50 r40\nover Cluster-CLIP", fontsize=8)
        if shown:
            axis.legend(frameon=False, fontsize=8)
    save(figure, path)


def plot_curves(history: list[dict[str, float]], path: Path, title: str) -> None:
    """Each objective by training step, one panel each: they have different scales."""
    names = list(dict.fromkeys(name for values in history for name in values))
    count = max(1, len(names))
    figure, axes = panels(1, count, 4 * count, 3, shared=False)
    for axis, name in zip(axes[0], names, strict=False):
        curve = [(step, values[name]) for step, values in enumerate(history, 1) if name in values]
        axis.plot(*zip(*curve, strict=True), color=COLOURS["for"], linewidth=1)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("step")
    figure.suptitle(title)
    save(figure, path)


def plot_fractions(points: dict[tuple[str, str, float], float], path: Path, title: str) -> None:
    """mAP@50 r40 against the percentage of labels; `points` maps (subset, vocabulary, percent) to it."""
    figure, axes = panels(1, 1, 6, 4)
    axis = axes[0, 0]
    for subset, vocabulary in sorted({key[:2] for key in points}):
        line = sorted((key[2], value) for key, value in points.items() if key[:2] == (subset, vocabulary))
        style, note = ("-", "") if vocabulary == "in" else ("--", ", names held out")
        colour = COLOURS["for"] if subset == "base" else COLOURS["cluster-clip"]
        axis.plot(*zip(*line, strict=True), style, marker="o", color=colour, label=subset + note)
    axis.set_xscale("log")
    ticks = sorted({key[2] for key in points})
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set_xlabel("percent of the labels")
    axis.set_ylabel("mAP@50 r40")
    axis.legend(frameon=False)
    axis.set_title(title, fontsize=9)
    save(figure, path)
