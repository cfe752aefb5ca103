"""`for-cli data import`: point params.yaml at a set of your own, after reading all of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from for_retrieval.data.images import MISSING
from for_retrieval.data.layout import Layout, guess_layout
from for_retrieval.data.prepare import read_set
from for_retrieval.data.splits import SPLITS
from for_retrieval.errors import UsageError
from for_retrieval.params import Data, load_params
from for_retrieval.params.editing import edit_params


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
    layout = guess_layout(folder, kind, images, annotations, splits, categories)
    changes = _changes(project, folder, layout, novel, name)
    if changes["annotations"] is None:
        del changes["annotations"]  # nothing reads it for a folder or shards; the key stays as it is
    data = Data.model_validate({**params.data.model_dump(), **changes})
    found = _read(data, project, processes)
    edit_params(path, {**{("data", key): value for key, value in changes.items()}, ("index", "gallery"): list(SPLITS)})
    return found


def _changes(project: Path, folder: Path, layout: Layout, novel: Sequence[str], name: str | None) -> dict[str, Any]:
    if name is not None and not re.fullmatch(r"[\w.-]+", name):
        raise UsageError(f"--name {name!r} may hold only letters, digits and . _ -")
    place, base = folder.resolve(), project.resolve()
    inside = place.is_relative_to(base)
    return {
        "kind": layout.kind,
        "name": name or re.sub(r"[^\w.-]+", "-", place.name).strip("-") or "my-images",
        "root": (place.relative_to(base) if inside else place).as_posix(),
        "images": layout.images,
        "annotations": layout.annotations,
        "splits": layout.splits,
        "categories": None if novel else layout.categories,
        "novel": list(novel),
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
