"""`for-cli data`: look at data, check it, convert it, and import your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from for_retrieval.cli.context import AsJson, print_json, project, say, show
from for_retrieval.errors import UsageError
from for_retrieval.records.readers import KINDS
from for_retrieval.settings import cores

if TYPE_CHECKING:
    from for_retrieval.records.importer import Found

data = typer.Typer(help="Look at data, check it, convert it, and import your own.", no_args_is_help=True)

Text = Optional[str]
Folder = Annotated[Path, typer.Argument(help="The folder with your images, and annotations if you have them.")]
Kind = Annotated[Text, typer.Option(help=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}; guessed if not given.")]
Images = Annotated[Text, typer.Option(help="The image folder, below FOLDER; or train=A,test=B.")]
Annotations = Annotated[Text, typer.Option(help="The annotation file or folder, below FOLDER; or train=A,test=B.")]


@data.command("import")
def data_import(
    context: typer.Context,
    folder: Folder,
    kind: Kind = None,
    images: Images = None,
    annotations: Annotations = None,
    splits: Annotated[Text, typer.Option(help="A JSON file of image ids per split, below FOLDER.")] = None,
    categories: Annotated[Text, typer.Option(help="A JSON file {base, novel}, below FOLDER; or official/NAME.")] = None,
    queries: Annotated[Text, typer.Option(help="A JSON file {synonyms, hypernyms, attributes}, below FOLDER.")] = None,
    novel: Annotated[str, typer.Option(help="Novel categories, separated by commas.")] = "",
    name: Annotated[Text, typer.Option(help="The name of the set in reports.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read your own images, write them into params.yaml as the data to use, and print what was found."""
    from for_retrieval.records.importer import Options, import_data, set_name

    here = project(context)
    if name is None:  # two sets must not share a name unnoticed: versions and validation images go by it
        from for_retrieval.release.generation import find_manifest, set_of
        from for_retrieval.release.pointer import find_pointer

        pointer, taken = find_pointer(here.index), set_name(folder)
        for entry in pointer.entries if pointer else []:
            manifest = find_manifest(here.index / entry.generation)
            if not manifest or entry.dataset != taken or manifest.unpacked:
                continue
            if not (here.root / manifest.image_root).resolve().is_relative_to(folder.resolve()):
                what = f"another set has the name {taken!r}, {set_of(here.index / entry.generation)}"
                remedy = f"another with --name, or, if it is the same set in a new place, --name {taken}"
                raise UsageError(f"{what}; give this one {remedy}")
    words = [word.strip() for word in novel.split(",") if word.strip()]
    options = Options(kind=kind, images=images, annotations=annotations, novel=words, name=name)
    options |= {"splits": splits, "categories": categories, "queries": queries}
    found = import_data(here.root, folder, here.settings.processes, **options)
    _print(found, as_json)
    if not as_json:
        say("params.yaml now describes this set; next: dvc repro")


@data.command("check")
def data_check(
    context: typer.Context,
    folder: Annotated[
        Optional[Path], typer.Argument(help="A set of any kind, to check without a project; see `data import`.")
    ] = None,
    kind: Kind = None,
    images: Images = None,
    annotations: Annotations = None,
    as_json: AsJson = False,
) -> None:
    """Check FOLDER, or the prepared images, objects and fractions of the project as the stage validate does.

    Without FOLDER, pages are written to var/check.
    """
    if folder is not None:
        from for_retrieval.records.importer import check_folder, require_usable

        found = check_folder(folder, cores(), kind=kind, images=images, annotations=annotations)
        _print(found, as_json)
        require_usable(found)
        return
    from for_retrieval import stages

    here = project(context)
    pages = here.root / "var" / "check"
    verdict = stages.check(here, pages, pages / "validation.json")
    first = (pages / "index.html").relative_to(here.root)
    if as_json:
        print_json(verdict.to_json())
    else:
        show(verdict.table())
        say(f"pages: {first}")
    verdict.raise_if_failed(first)
    say(verdict.summary())


@data.command("convert")
def data_convert(
    folder: Folder,
    out: Annotated[Path, typer.Argument(help="The folder to write; it must not exist.")],
    kind: Kind = None,
    images: Images = None,
    annotations: Annotations = None,
    as_json: AsJson = False,
) -> None:
    """Write a set of any kind as a COCO folder: images, annotations.json, splits.json and categories.json."""
    from for_retrieval.records.importer import convert

    _print(convert(folder, out, cores(), kind=kind, images=images, annotations=annotations), as_json)
    say(f"COCO folder: {out}")


@data.command("sheet")
def data_sheet(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="The picture to write (PNG).")],
    count: Annotated[int, typer.Option(help="How many images.", min=1, max=200)] = 18,
    boxes: Annotated[bool, typer.Option(help="Draw the annotated boxes.")] = False,
) -> None:
    """Show a sample of the prepared images as one picture."""
    from for_retrieval.records.records import load_records
    from for_retrieval.records.sheet import draw_sample

    here = project(context)
    draw_sample(load_records(here.prepared), here.root, out, count, boxes)
    say(f"picture: {out}")


def _print(found: Found, as_json: bool) -> None:
    from for_retrieval.records.importer import found_table

    if as_json:
        print_json(found)
    else:
        show(found_table(found))
