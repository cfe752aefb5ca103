"""`for-cli data import`: guess the layout of a set, read all of it, point params.yaml at it, and say what was found."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from for_retrieval.errors import UsageError
from for_retrieval.params import Data, load_params
from for_retrieval.params.editing import edit_params
from for_retrieval.records.detect import KINDS, Place, Places, detect
from for_retrieval.records.images import MISSING, shown
from for_retrieval.records.prepare import read_set
from for_retrieval.records.splits import LVIS, OFFICIAL, SPLITS


@dataclass(frozen=True)
class Layout:
    """Paths below the set's folder, posix; `images` and `annotations` one for each part where it comes in parts."""

    kind: str
    images: Places
    annotations: Places | None
    splits: str | None
    categories: str | None
    queries: str | None


def guess_layout(
    folder: Path,
    kind: str | None,
    images: str | None,
    annotations: str | None,
    splits: str | None,
    categories: str | None,
    queries: str | None = None,
) -> Layout:
    """Fill in what was not said (None); see `detect.detect` for what a folder is taken for.

    `images` and `annotations` may be given for parts: ``train=a.json,test=b.json``. ``splits.json``,
    ``categories.json`` and ``queries.json`` are taken where they exist.

    Raises:
        UsageError: no such folder or file, no annotations where the kind needs some, or several to choose from.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"{shown(folder)} {problem}; name the folder that holds your images")
    if kind is not None and kind not in KINDS:
        raise UsageError(f"the kind {kind!r} cannot be imported; choose {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    said = _places(folder, annotations, "--annotations")
    found = detect(folder, kind, said)
    lists = _below(folder, splits, "--splits") or _existing(folder, "splits.json")
    if found.kind == "folder":
        if said or categories or queries:
            raise UsageError("a folder of images has no annotations or categories; leave out --kind folder")
        return Layout("folder", _below(folder, images, "--images") or ".", None, lists, None, None)
    return Layout(
        found.kind,
        _places(folder, images, "--images") or found.images,
        found.annotations,
        lists,
        _categories(folder, found, categories),
        _below(folder, queries, "--queries") or _existing(folder, "queries.json"),
    )


def _categories(folder: Path, found: Place, said: str | None) -> str | None:
    if said is not None and said.startswith(OFFICIAL):
        return said
    file = _below(folder, said, "--categories") or _existing(folder, "categories.json")
    return file or (LVIS if found.kind == "lvis" else None)


def _places(folder: Path, said: str | None, option: str) -> Places | None:
    """One path, or one for each part."""
    if said is None or "=" not in said or (folder / said).exists() or Path(said).exists():
        return _below(folder, said, option)
    places = {}
    for entry in said.split(","):
        part, _, path = entry.strip().partition("=")
        if part not in SPLITS or not path:
            raise UsageError(f"{option}: {entry!r} must be train=PATH, val=PATH or test=PATH; correct it")
        places[part] = _below(folder, path, option) or ""
    return places


def _below(folder: Path, said: str | None, option: str) -> str | None:
    """What the user named, below `folder` or from here, as a path below `folder` if it can be one."""
    if said is None:
        return None
    for path in (folder / said, Path(said)):
        if path.exists():
            whole, base = path.resolve(), folder.resolve()
            return (whole.relative_to(base) if whole.is_relative_to(base) else whole).as_posix()
    raise UsageError(f"{option}: {shown(said)} is neither in {shown(folder)} nor here; correct the path")


def _existing(folder: Path, name: str) -> str | None:
    return name if (folder / name).is_file() else None


@dataclass(frozen=True)
class Found:
    """What an import found. Images are counted after dropping; `duplicates` are copies, kept or not."""

    kind: str
    name: str
    root: str
    images: int
    objects: int
    categories: int
    base: list[str]
    novel: list[str]
    missing: list[str]
    broken: list[dict[str, str]]
    duplicates: int
    dropped: dict[str, int]
    splits: dict[str, int]


def import_data(
    project: Path,
    folder: Path,
    *,
    kind: str | None = None,
    images: str | None = None,
    annotations: str | None = None,
    splits: str | None = None,
    categories: str | None = None,
    queries: str | None = None,
    novel: Sequence[str] = (),
    name: str | None = None,
    processes: int = 1,
) -> Found:
    """Read the set in `folder` and, if it can be used, write it into the project's params.yaml.

    What is None is guessed (see `guess_layout`). `novel` replaces a guessed categories.json.

    Raises:
        UsageError: no such folder or file, an unknown kind, name or novel category.
        ForError: the data is bad. In both cases params.yaml stays as it was.
    """
    path = project / "params.yaml"
    params = load_params(path)
    if categories and novel:
        raise UsageError("--categories and --novel both say what is novel; give one of them")
    layout = guess_layout(folder, kind, images, annotations, splits, categories, queries)
    changes = _changes(project, folder, layout, novel, name)
    if changes["annotations"] is None:
        del changes["annotations"]  # nothing reads it for a folder or shards; the key stays as it is
    data = Data.model_validate({**params.data.model_dump(), **changes})
    found = _read(data, project, processes)
    edit_params(path, {**{("data", key): value for key, value in changes.items()}, ("index", "gallery"): list(SPLITS)})
    return found


def set_name(folder: Path) -> str:
    """The name of a set that is given none: that of its folder."""
    return re.sub(r"[^\w.-]+", "-", folder.resolve().name).strip("-") or "my-images"


def _changes(project: Path, folder: Path, layout: Layout, novel: Sequence[str], name: str | None) -> dict[str, Any]:
    if name is not None and not re.fullmatch(r"[\w.-]+", name):
        raise UsageError(f"--name {name!r} may hold only letters, digits and . _ -")
    place, base = folder.resolve(), project.resolve()
    inside = place.is_relative_to(base)
    return {
        "kind": layout.kind,
        "name": name or set_name(folder),
        "root": (place.relative_to(base) if inside else place).as_posix(),
        "images": layout.images,
        "annotations": layout.annotations,
        "splits": layout.splits,
        "categories": None if novel else layout.categories,
        "novel": list(novel),
        "queries": layout.queries,
    }


def _read(data: Data, project: Path, processes: int) -> Found:
    records = read_set(data, project, processes)
    info, images = records.info, records.images
    counts = images["split"].value_counts()
    return Found(
        kind=data.kind,
        name=data.name,
        root=data.root,
        images=len(images),
        objects=len(records.objects),
        categories=len(info.base) + len(info.novel),
        base=info.base,
        novel=info.novel,
        missing=[entry["path"] for entry in info.broken if entry["reason"] == MISSING],
        broken=[entry for entry in info.broken if entry["reason"] != MISSING],
        duplicates=len(images) - images["hash"].nunique() + info.dropped["duplicate_images"],
        dropped=info.dropped,
        splits={split: int(counts.get(split, 0)) for split in SPLITS},
    )


SHOWN = 5  # names of bad files in the table; JSON has them all


def found_json(found: Found) -> str:
    """Everything that was found."""
    return json.dumps(asdict(found), indent=1, ensure_ascii=False)


def found_table(found: Found) -> Table:
    """Counts, and the first of what is wrong."""
    table = Table(title=f"{found.name} ({found.kind}, {found.root})", show_header=False)
    splits = ", ".join(f"{count} {split}" for split, count in found.splits.items())
    rows = {
        "images": f"{found.images} ({splits})",
        "objects": str(found.objects),
        "categories": f"{found.categories} ({len(found.base)} base, {len(found.novel)} novel)",
        "missing files": _some(found.missing),
        "unreadable images": _some([f"{entry['path']} ({entry['reason']})" for entry in found.broken]),
        "duplicate images": str(found.duplicates),
    }
    rows |= {f"left out: {reason.replace('_', ' ')}": str(count) for reason, count in found.dropped.items() if count}
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _some(entries: list[str]) -> str:
    if not entries:
        return "0"
    more = f", and {len(entries) - SHOWN} more" if len(entries) > SHOWN else ""
    return f"{len(entries)}: {', '.join(entries[:SHOWN])}{more}"


def print_found(found: Found, as_json: bool) -> None:
    """To stdout."""
    if as_json:
        print(found_json(found))
        return
    Console().print(found_table(found))
    Console(stderr=True).print("params.yaml now points here; next: dvc repro")
