"""`for-cli query`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Optional

import typer

from for_retrieval.cli.context import AsJson, project, say, show


def query(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help='What to look for: "red car".')],
    top_k: Annotated[int, typer.Option("--top-k", "-k", help="How many images.")] = 10,
    as_json: AsJson = False,
    gallery: Annotated[Optional[Path], typer.Option(help="Write the results as one HTML page.")] = None,
    sheet: Annotated[Optional[Path], typer.Option(help="Write the results as one picture (PNG).")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Find the images that show something."""
    from for_retrieval.query.answer import answer
    from for_retrieval.query.log import log_query
    from for_retrieval.release.pointer import read_pointer

    # A single query does not need a thread pool, and starting one takes longer than the query.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    here, start = project(context), time.perf_counter()
    found = answer(here.root, text, top_k)
    if here.settings.query_log:
        log_query(here.root / "var" / "queries.jsonl", found, 1000 * (time.perf_counter() - start))
    for warning in found.warnings:
        say(f"note: {warning}")
    if read_pointer(here.index).unpromoted:
        say("note: a newer model was built but not promoted; for-cli models promote")
    if as_json:
        typer.echo(found.to_json())
    if not as_json or sheet or gallery or open_page:
        from for_retrieval.query import render  # loads Pillow
    if not as_json:
        show(render.table(found))
    if sheet:
        render.contact_sheet(found, sheet)
        say(f"picture: {sheet}")
    if gallery or open_page:
        page = gallery or here.root / "var" / "gallery.html"
        render.write_gallery(found, page)
        say(f"gallery: {page}")
        if open_page:
            import webbrowser

            webbrowser.open(page.resolve().as_uri())
