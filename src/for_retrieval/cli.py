"""The command line; every command imports what it needs when it runs, so that `--help` is instant."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Optional

import typer

from for_retrieval.errors import ForError, UsageError
from for_retrieval.project import Project
from for_retrieval.settings import find_root

app = typer.Typer(
    name="for-cli",
    help="Find every image that contains some small thing, by words.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data = typer.Typer(help="Look at data and bring in your own.", no_args_is_help=True)
app.add_typer(data, name="data")
STAGE = "Stages (run by `dvc repro`)"


@app.callback()
def project(
    context: typer.Context,
    folder: Annotated[Optional[Path], typer.Option("--project", help="The project folder.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Find the project before any command."""
    context.obj = lambda: Project(find_root(folder))


def _project(context: typer.Context) -> Project:
    found: Callable[[], Project] = context.obj
    return found()


def _say(text: str) -> None:
    typer.echo(text, err=True)


@app.command()
def query(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help='What to look for: "red car".')],
    top_k: Annotated[int, typer.Option("--top-k", "-k", help="How many images.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    gallery: Annotated[Optional[Path], typer.Option(help="Write the results as one HTML page.")] = None,
    sheet: Annotated[Optional[Path], typer.Option(help="Write the results as one picture (PNG).")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Find the images that show something."""
    from for_retrieval.query.answer import answer

    # One query has no use for a thread pool, and starting one costs more than the query.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    found = answer(_project(context).root, text, top_k)
    for warning in found.warnings:
        _say(f"note: {warning}")
    if as_json:
        typer.echo(found.to_json())
    else:
        from rich.console import Console

        from for_retrieval.query.table import table

        Console().print(table(found))
    if sheet:
        from for_retrieval.query.contact_sheet import contact_sheet

        contact_sheet(found, sheet)
        _say(f"picture: {sheet}")
    if gallery or open_page:
        from for_retrieval.query.gallery import write_gallery

        page = gallery or _project(context).root / "var" / "gallery.html"
        write_gallery(found, page)
        _say(f"gallery: {page}")
        if open_page:
            import webbrowser

            webbrowser.open(page.resolve().as_uri())


@data.command("import")
def data_import(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder with your images, and annotations if you have them.")],
    kind: Annotated[Optional[str], typer.Option(help="coco or folder; guessed if not given.")] = None,
    images: Annotated[Optional[str], typer.Option(help="The image folder, below FOLDER.")] = None,
    annotations: Annotated[Optional[str], typer.Option(help="The COCO file, below FOLDER.")] = None,
    splits: Annotated[Optional[str], typer.Option(help="A JSON file of image ids a split, below FOLDER.")] = None,
    categories: Annotated[Optional[str], typer.Option(help="A JSON file {base, novel}, below FOLDER.")] = None,
    novel: Annotated[str, typer.Option(help="Novel categories, separated by commas.")] = "",
    name: Annotated[Optional[str], typer.Option(help="What reports call the set.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Point params.yaml at your own images and print what was found."""
    from for_retrieval.data.importer import import_data
    from for_retrieval.data.summary import print_found

    here = _project(context)
    found = import_data(
        here.root,
        folder,
        kind=kind,
        images=images,
        annotations=annotations,
        splits=splits,
        categories=categories,
        novel=[word.strip() for word in novel.split(",") if word.strip()],
        name=name,
        processes=here.settings.processes,
    )
    print_found(found, as_json)


@data.command("sheet")
def data_sheet(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="The picture to write (PNG).")],
    count: Annotated[int, typer.Option(help="How many images.", min=1, max=200)] = 18,
    boxes: Annotated[bool, typer.Option(help="Draw the annotated boxes.")] = False,
) -> None:
    """Show a sample of the prepared images as one picture."""
    from for_retrieval.data.sheet import write_sheet

    write_sheet(_project(context), out, count, boxes)
    _say(f"picture: {out}")


@app.command(rich_help_panel=STAGE)
def prepare(context: typer.Context) -> None:
    """Draw or import the images, check them, write the records."""
    from for_retrieval import stages

    _say(stages.prepare(_project(context)))


@app.command(rich_help_panel=STAGE)
def fractions(context: typer.Context, percent: Annotated[float, typer.Argument()]) -> None:
    """Choose the training images whose labels may be used."""
    from for_retrieval import stages

    here = _project(context)
    if percent not in here.params.fractions.percent:
        known = ", ".join(f"{p:g}" for p in here.params.fractions.percent)
        raise UsageError(f"{percent:g} is not in fractions.percent of params.yaml ({known})")
    _say(stages.fractions(here, percent))


@app.command(rich_help_panel=STAGE)
def features(context: typer.Context) -> None:
    """Encode the images with the frozen tower."""
    from for_retrieval import stages

    _say(stages.features(_project(context)))


@app.command(rich_help_panel=STAGE)
def pseudo(context: typer.Context, vocabulary: Annotated[str, typer.Argument(help="in or held_out")]) -> None:
    """Score the training images against the open vocabulary."""
    from for_retrieval import stages

    if vocabulary not in ("in", "held_out"):
        raise UsageError(f"the vocabulary is 'in' or 'held_out', not {vocabulary!r}")
    _say(stages.pseudo(_project(context), vocabulary))


@app.command(rich_help_panel=STAGE)
def train(context: typer.Context, run: Annotated[str, typer.Argument(help="A run of train.runs.")]) -> None:
    """Finetune the SUM-CLIP heads of one run."""
    from for_retrieval import stages

    _say(stages.train(_project(context), run))


@app.command(rich_help_panel=STAGE)
def evaluate(
    context: typer.Context,
    split: Annotated[str, typer.Option(help="val for choices, test for reports.")] = "test",
) -> None:
    """Measure every method and every head, exactly."""
    from for_retrieval import stages

    if split not in ("train", "val", "test"):
        raise UsageError(f"the split is train, val or test, not {split!r}")
    _say(stages.evaluate(_project(context), split))


@app.command(rich_help_panel=STAGE)
def compare(context: typer.Context) -> None:
    """Write reports/compare.json, .md and .png."""
    from for_retrieval import stages

    _say(stages.compare(_project(context)))


@app.command(rich_help_panel=STAGE)
def export(context: typer.Context) -> None:
    """Write the serving bundle."""
    from for_retrieval import stages

    _say(stages.export(_project(context)))


@app.command(rich_help_panel=STAGE)
def index(context: typer.Context) -> None:
    """Build the index of the gallery."""
    from for_retrieval import stages

    _say(stages.index(_project(context)))


def main() -> None:
    """Run, and turn errors into one sentence and an exit code."""
    try:
        app()
    except ForError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on where it stopped", err=True)
        sys.exit(130)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        first = str(error).strip().splitlines()
        typer.echo(
            f"error: {type(error).__name__}: {first[0] if first else 'no message'} "
            "(for the whole story: for-cli --debug ...)",
            err=True,
        )
        sys.exit(1)
