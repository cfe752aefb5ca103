"""From files as users have them to checked tables: the stage `prepare`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from for_retrieval.errors import ForError, UsageError
from for_retrieval.files import write_json
from for_retrieval.params import Data, Params
from for_retrieval.project import Project
from for_retrieval.records.images import BrokenImage, inspect_all, shown
from for_retrieval.records.readers import read_source
from for_retrieval.records.records import DatasetInfo, Records, Source, load_info, load_records
from for_retrieval.records.seen import listing, note_prepared, prepared_from
from for_retrieval.records.splits import (
    LVIS,
    OFFICIAL,
    assign_splits,
    novel_by_name,
    official_split,
    read_categories,
    read_splits,
    split_by_parts,
)
from for_retrieval.records.words import Words, attribute_words, read_queries


def prepare(params: Params, root: Path, out: Path, processes: int, cache: Path | None = None) -> Records:
    """Read the set that `params.data` describes and save its tables in `out`.

    `root` is the project folder; relative paths, `out` too, start there. Images in shards are copied to
    ``out/images``; all others stay where they are. Captions, where the format has them, go to ``out/captions.json``.

    Raises:
        ForError: the data is bad. UsageError: params.yaml asks for what the data does not have.
    """
    root = root.resolve()
    out = root / out
    files = listing(params.data, root) if cache else None  # before anything is read: what comes meanwhile is new
    unpacked = Path(_from_project(out / "images", root))
    source, folder = read_source(params.data, root, unpacked)
    records = _records(params.data, root, folder, source, processes, cache)
    _save_captions(source, records, out / "captions.json")
    records.save(out)
    if cache:
        note_prepared(cache, files, out)
    return records


def read_set(data: Data, root: Path, processes: int, cache: Path | None = None) -> Records:
    """Read, check and split the user's set that `data` describes; nothing of it stays in the project but `cache`.

    Raises:
        ForError: the data is bad. UsageError: `data` asks for what the set does not have.
    """
    if data.kind != "webdataset":
        source, place = read_source(data, root, Path("data"))
        return _records(data, root, place, source, processes, cache)
    (root / "data").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=root / "data") as folder:  # on the project's disk
        source, place = read_source(data, root, Path(folder))
        return _records(data, root, place, source, processes)


def _records(
    data: Data, root: Path, images_root: str, source: Source, processes: int, cache: Path | None = None
) -> Records:
    folder, base_folder = root / images_root, root / data.root
    base, novel = _base_and_novel(data, base_folder, source)
    chosen = read_splits(base_folder / data.splits, source.images) if data.splits else None
    images, broken = _inspect(data, folder, source, processes, cache)
    if chosen is None and source.parts is not None:
        chosen = split_by_parts(images, source.parts, data.split_ratio)
    images, dropped = assign_splits(images, chosen, data.split_ratio)
    if images.empty:
        raise ForError(f"no image of {shown(folder)} is left to use; check data.annotations and data.splits")
    known = source.objects["category"].isin([*base, *novel])
    words = _words(data, base_folder, source, known)
    info = DatasetInfo(
        name=data.name,
        root=images_root,
        base=base,
        novel=novel,
        synonyms={name: words["synonyms"][name] for name in [*base, *novel] if name in words["synonyms"]},
        hypernyms={name: words["hypernyms"][name] for name in [*base, *novel] if name in words["hypernyms"]},
        attributes=words["attributes"],
        broken=sorted(broken, key=lambda entry: entry["path"]),
        dropped={**source.dropped, "ignored_category_objects": int((~known).sum()), **dropped},
    )
    on_kept = source.objects["image_id"].isin(images["image_id"])
    negatives = source.negatives
    if negatives is not None:
        kept = negatives["image_id"].isin(images["image_id"]) & negatives["category"].isin([*base, *novel])
        negatives = negatives[kept]
    return Records(images, source.objects[known & on_kept], info, negatives)


def _words(data: Data, base_folder: Path, source: Source, known: pd.Series[bool]) -> dict[str, Words]:
    """Synonyms and wider words by category, and the words of attributes: what data.queries says comes first."""
    queries = read_queries(base_folder / data.queries, source.categories) if data.queries else {}
    return {
        "synonyms": {**source.synonyms, **queries.get("synonyms", {})},
        "hypernyms": {**source.hypernyms, **queries.get("hypernyms", {})},
        "attributes": queries["attributes"] if "attributes" in queries else attribute_words(source.objects[known]),
    }


def _save_captions(source: Source, records: Records, path: Path) -> None:
    captions = {i: source.captions[i] for i in records.images["image_id"] if i in source.captions}
    if captions:
        write_json(path, captions)
    else:
        path.unlink(missing_ok=True)  # of the set that was prepared here before


def _from_project(path: Path, root: Path) -> str:
    inside = path.is_relative_to(root)
    return (path.relative_to(root) if inside else path).as_posix()


def _base_and_novel(data: Data, base_folder: Path, source: Source) -> tuple[list[str], list[str]]:
    if data.kind == "folder" and (data.novel or data.categories or data.queries):
        raise UsageError(
            "data.novel, data.categories and data.queries must be empty where data.kind is folder, which has no labels"
        )
    if data.categories and data.novel:
        raise UsageError("data.categories and data.novel both say what is novel; set one of them")
    if data.categories and data.categories.startswith(OFFICIAL):
        return official_split(data.categories, source.categories, source.groups)
    if data.categories:
        return read_categories(base_folder / data.categories, source.categories)
    if source.groups and not data.novel:
        return official_split(LVIS, source.categories, source.groups)
    return novel_by_name(source.categories, data.novel)


def _inspect(
    data: Data, folder: Path, source: Source, processes: int, cache: Path | None
) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """The usable images (with width, height, hash as found) and the broken ones."""
    paths = [folder / path for path in source.images["path"]]
    results = inspect_all(paths, processes, data.max_pixels, data.min_side, cache)
    rows, broken = [], list(source.broken)
    for said, found in zip(source.images.itertuples(), results, strict=True):
        if isinstance(found, BrokenImage):
            broken.append({"path": str(said.path), "reason": found.reason})
        elif said.width and (said.width, said.height) != (found.width, found.height):
            # Its boxes would be wrong: it was resized, or annotated before its EXIF rotation.
            sizes = f"{found.width} x {found.height} px, but annotated as {said.width} x {said.height}"
            broken.append({"path": str(said.path), "reason": sizes})
        else:
            rows.append((said.image_id, said.path, found.width, found.height, found.hash))
    _refuse_too_many(broken, len(rows) + len(broken), data.max_broken, folder)
    return pd.DataFrame(rows, columns=["image_id", "path", "width", "height", "hash"]), broken


def _refuse_too_many(broken: list[dict[str, str]], total: int, limit: float, folder: Path) -> None:
    if len(broken) > limit * total:
        first = broken[0]
        raise ForError(
            f"{len(broken)} of {total} images in {shown(folder)} cannot be used, more than data.max_broken "
            f"({limit:.1%}) allows; the first is {shown(first['path'])} ({first['reason']}); repair them, "
            "check data.images, or raise data.max_broken"
        )


def records_now(project: Project) -> Records:
    """The records of the files as they are now, whether or not they have been prepared; nothing but the cache changes.

    Raises:
        ForError: the data is bad or not there, or it is in shards, which are not unpacked here.
    """
    if is_current(project):
        return load_records(project.prepared)
    data, files = project.params.data, listing(project.params.data, project.root)
    if data.kind == "webdataset":
        raise ForError(f"{data.root} has changed since it was prepared; `for-cli index refresh` takes it up")
    records = read_set(data, project.root.resolve(), project.settings.processes, project.cache)
    if (project.prepared / "dataset.json").exists() and load_info(project.prepared) == records.info:
        note_prepared(project.cache, files, project.prepared)
    return records


def is_current(project: Project) -> bool:
    """Whether data/prepared was made of the files as they are now, with the params.yaml as it is now."""
    noted = prepared_from(project.cache, project.prepared)
    return noted is not None and noted == listing(project.params.data, project.root)
