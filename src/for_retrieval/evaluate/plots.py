"""Pictures of the comparison."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from for_retrieval.files import atomic

COLOURS = {
    "clip": "#b8b8b8",
    "dense-clip": "#8fa8c8",
    "cluster-clip": "#4a78b0",
    "ensemble": "#6a9a5b",
    "for": "#d9612b",
}
SHORT = {
    "clip": "CLIP",
    "dense-clip": "Dense",
    "cluster-clip": "Cluster",
    "ensemble": "ensemble",
    "for": "FOR",
}


def _label(method: str, fraction: float, vocabulary: str) -> str:
    if method != "for":
        return SHORT[method]
    return f"FOR {fraction:g} %" + (", held out" if vocabulary == "held_out" else "")


def plot_comparison(table: pd.DataFrame, path: Path, title: str) -> None:
    """Bars of mAP@50 r40 for base and novel categories, one panel a query set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sets = list(dict.fromkeys(table["query_set"])) or [""]
    figure, axes = plt.subplots(1, len(sets), figsize=(5.2 * len(sets), 5), squeeze=False, sharey=True)
    for axis, name in zip(axes[0], sets, strict=True):
        part = table[(table["query_set"] == name) & table["subset"].isin(["base", "novel"])]
        wide = part.pivot_table(
            index=["method", "label_fraction", "vocabulary"], columns="subset", values="map50_r40", sort=False
        )
        for i, ((method, _, _), row) in enumerate(wide[::-1].iterrows()):
            for offset, subset, alpha in ((0.2, "base", 1.0), (-0.2, "novel", 0.55)):
                value = row.get(subset, float("nan"))
                axis.barh(i + offset, value, 0.38, color=COLOURS[method], alpha=alpha)
                if value == value:
                    axis.text(value + 0.6, i + offset, f"{value:.0f}", va="center", fontsize=8)
        axis.set_yticks(range(len(wide)), [_label(*key) for key in wide.index[::-1]])
        axis.set_title(f"queries: {name}" if name else "", fontsize=10)
        axis.set_xlabel("mAP@50 r40 (full: base, pale: novel)")
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    figure.tight_layout()
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Software": None})
    plt.close(figure)
