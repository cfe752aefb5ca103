"""`for-cli data import`: point params.yaml at a set of your own, after reading all of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.representer import RoundTripRepresenter

from for_retrieval.data.images import MISSING
from for_retrieval.data.layout import Layout, guess_layout
from for_retrieval.data.prepare import read_set
from for_retrieval.data.splits import SPLITS
from for_retrieval.errors import UsageError
from for_retrieval.files import atomic
from for_retrieval.params import Data, load_params


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
    edit_params(path, {"data": changes, "index": {"gallery": list(SPLITS)}})
    return found


def edit_params(path: Path, changes: dict[str, dict[str, Any]]) -> None:
    """Set keys of sections, ``{section: {key: value}}``, in a params.yaml; comments and other lines stay.

    Raises:
        UsageError: the result would not be valid; the file stays as it was.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # long lines stay in one piece
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.Representer = _NullAsWord
    content = yaml.load(path.read_text(encoding="utf-8"))
    flat = [(section, key, value) for section, keys in changes.items() for key, value in keys.items()]
    for section, key, value in flat:
        if isinstance(value, list):
            content[section][key][:] = value  # in place: the comment hangs on the list
            content[section][key].fa.set_flow_style()
        elif isinstance(value, dict):
            content[section][key] = CommentedMap(value)
            content[section][key].fa.set_flow_style()
        else:
            content[section][key] = value
    with atomic(path) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            yaml.dump(content, file)
        try:
            load_params(temporary)  # a file laid out in an unforeseen way must not be spoilt
        except UsageError:
            lines = ", ".join(f"{section}.{key}: {value!r}" for section, key, value in flat)
            raise UsageError(f"{path} is laid out so that it cannot be edited; set {lines} yourself") from None


class _NullAsWord(RoundTripRepresenter):
    """Writes None as ``null``; ruamel would leave the value empty."""


_NullAsWord.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null"))


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
