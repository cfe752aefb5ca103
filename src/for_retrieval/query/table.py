"""Results as a table for the terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from for_retrieval.query.answer import Answer, Result
from for_retrieval.query.printable import printable


def table(answer: Answer) -> Table:
    """Rank, score, image and box; names are shown literally, on one logical line, and folded, not cut."""
    title = Text(f"{len(answer.results)} images for “{printable(answer.query)}”")
    view = Table(title=title, title_justify="left")
    view.add_column("rank", justify="right")
    view.add_column("score", justify="right")
    view.add_column("image", overflow="fold")
    view.add_column("box (x, y, w, h)", justify="right", no_wrap=True)
    for result in answer.results:
        name = Text(printable(result.path))  # Text, since a plain string could hold markup
        view.add_row(str(result.rank), f"{result.score:.3f}", name, _box(result))
    return view


def _box(result: Result) -> str:
    return ", ".join(f"{side:.0f}" for side in result.box)
