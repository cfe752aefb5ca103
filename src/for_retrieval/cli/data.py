"""`for-cli data`: look at data and bring in your own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from for_retrieval.cli.context import AsJson, project, say

if TYPE_CHECKING:
    from for_retrieval.project import Project

data = typer.Typer(help="Look at data, check it, and bring in your own.", no_args_is_help=True)


@data.command("import")
def data_import(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder with your images, and annotations if you have them.")],
    kind: Annotated[
        Optional[str],
        typer.Option(help="coco, panoptic, lvis, nuimages, voc, yolo, webdataset or folder; guessed if not given."),
    ] = None,
    images: Annotated[Optional[str], typer.Option(help="The image folder, below FOLDER; or train=A,test=B.")] = None,
    annotations: Annotated[
        Optional[str], typer.Option(help="The annotation file or folder, below FOLDER; or train=A,test=B.")
    ] = None,
    splits: Annotated[Optional[str], typer.Option(help="A JSON file of image ids a split, below FOLDER.")] = None,
    categories: Annotated[
        Optional[str], typer.Option(help="A JSON file {base, novel}, below FOLDER; or official/NAME.")
    ] = None,
    queries: Annotated[
        Optional[str], typer.Option(help="A JSON file {synonyms, hypernyms, attributes}, below FOLDER.")
    ] = None,
    novel: Annotated[str, typer.Option(help="Novel categories, separated by commas.")] = "",
    name: Annotated[Optional[str], typer.Option(help="What reports call the set.")] = None,
    as_json: AsJson = False,
) -> None:
    """Point params.yaml at your own images and print what was found."""
    from for_retrieval.records.importer import import_data, print_found

    here = project(context)
    if name is None:
        _refuse_taken_name(here, folder)
    found = import_data(
        here.root,
        folder,
        kind=kind,
        images=images,
        annotations=annotations,
        splits=splits,
        categories=categories,
        queries=queries,
        novel=[word.strip() for word in novel.split(",") if word.strip()],
        name=name,
        processes=here.settings.processes,
    )
    print_found(found, as_json)


def _refuse_taken_name(here: Project, folder: Path) -> None:
    """Two sets must not share a name unnoticed: versions and validation images go by it."""
    from for_retrieval.errors import UsageError
    from for_retrieval.records.importer import set_name
    from for_retrieval.release.generation import find_manifest, set_of
    from for_retrieval.release.pointer import find_pointer

    pointer, name = find_pointer(here.index), set_name(folder)
    for entry in pointer.entries if pointer else []:
        manifest = find_manifest(here.index / entry.generation)
        if manifest and entry.dataset == name and not manifest.unpacked:
            place = (here.root / manifest.image_root).resolve()
            if not place.is_relative_to(folder.resolve()):
                raise UsageError(
                    f"another set has the name {name!r}, {set_of(here.index / entry.generation)}; give this one "
                    f"another with --name, or, if it is the same set in a new place, --name {name}"
                )


@data.command("check")
def data_check(context: typer.Context, as_json: AsJson = False) -> None:
    """Check the prepared images, objects and fractions, as the stage validate does; it writes to var/check."""
    from for_retrieval import stages

    here = project(context)
    pages = here.root / "var" / "check"
    verdict = stages.check(here, pages, pages / "validation.json")
    first = (pages / "index.html").relative_to(here.root)
    if as_json:
        typer.echo(json.dumps(verdict.to_json(), indent=1, ensure_ascii=False))
    else:
        from rich.console import Console

        Console().print(verdict.table())
        say(f"pages: {first}")
    verdict.raise_if_failed(first)
    say(verdict.summary())


@data.command("sheet")
def data_sheet(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="The picture to write (PNG).")],
    count: Annotated[int, typer.Option(help="How many images.", min=1, max=200)] = 18,
    boxes: Annotated[bool, typer.Option(help="Draw the annotated boxes.")] = False,
) -> None:
    """Show a sample of the prepared images as one picture."""
    from for_retrieval.records.sheet import write_sheet

    write_sheet(project(context), out, count, boxes)
    say(f"picture: {out}")
