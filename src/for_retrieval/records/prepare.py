"""From files as users have them to checked tables: the stage `prepare`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd

from for_retrieval.errors import ForError, UsageError, printable
from for_retrieval.files import file_hash, read_json, write_json
from for_retrieval.params import Data, Params
from for_retrieval.project import Project
from for_retrieval.records import splits
from for_retrieval.records.images import BrokenImage, inspect_all
from for_retrieval.records.readers import format_of
from for_retrieval.records.readers.source import Source
from for_retrieval.records.records import NEGATIVE_COLUMNS, DatasetInfo, Records, load_info, load_records
from for_retrieval.records.seen import listing, note_prepared
from for_retrieval.records.words import attribute_words, read_queries


def prepare(params: Params, root: Path, out: Path, processes: int, cache: Path | None = None) -> Records:
    """Read the set that `params.data` describes and save its tables in `out`, below the project folder `root`.

    Images in shards are unpacked to ``out/images``, captions go to ``out/captions.json``. cache: a folder with what is
    known of images that were read before. Raises ForError: invalid data. UsageError: it lacks what params.yaml names.
    """
    root = root.resolve()
    out, unpacked = root / out, root / out / "images"
    files = listing(params.data, root) if cache else None  # first, so that files that change meanwhile count as new
    unpacked = unpacked.relative_to(root) if unpacked.is_relative_to(root) else unpacked
    records, captions = read_with_captions(params.data, root, processes, unpacked, cache)
    (out / "captions.json").unlink(missing_ok=True)  # from the set that was prepared here before
    if captions:
        write_json(out / "captions.json", captions)
    records.save(out)
    if cache:
        note_prepared(cache, files, out)
    return records


def read_set(data: Data, root: Path, processes: int, cache: Path | None = None) -> Records:
    """As `prepare`, but nothing is written to the project besides `cache`."""
    unpacked = Path("data", f".unpacked-{os.getpid()}")  # on the project's disk
    try:
        cache = None if format_of(data.kind).unpacks else cache  # the unpacked files are removed again
        return read_with_captions(data, root, processes, unpacked, cache)[0]
    finally:
        shutil.rmtree(root / unpacked, ignore_errors=True)


def read_with_captions(
    data: Data, root: Path, processes: int, unpacked: Path, cache: Path | None = None
) -> tuple[Records, dict[str, str]]:
    """As `read_set`, with the captions of the images that have one; images of shards are written to `unpacked`."""
    base_folder = root / data.root
    if not base_folder.exists() and (pipeline := base_folder.parent / "dvc.yaml").exists():
        what = f"{printable(base_folder)} (data.root) does not exist yet"
        raise ForError(f"{what}; run `dvc repro`, which makes it with {printable(pipeline)}")
    source, images_root = format_of(data.kind).read(data, root, unpacked)
    folder = root / images_root
    base, novel = _base_and_novel(data, base_folder, source)
    chosen = splits.read_splits(base_folder / data.splits, source.images) if data.splits else None
    images, broken = _inspect(data, folder, source, processes, cache)
    if chosen is None and source.parts is not None:
        chosen = splits.split_by_parts(images, source.parts, data.split_ratio)
    images, dropped = splits.assign_splits(images, chosen, data.split_ratio)
    if images.empty:
        first = f" (the first of {len(broken)} broken ones is {_named(broken[0])})" if broken else ""
        raise ForError(f"no image of {printable(folder)} is left to use{first}; check data.images and data.splits")
    names = [*base, *novel]
    known = source.objects["category"].isin(names)
    queries = read_queries(base_folder / data.queries, source.categories) if data.queries else {}
    found = (getattr(source, key) | queries.get(key, {}) for key in ("synonyms", "hypernyms"))
    synonyms, hypernyms = ({name: words[name] for name in names if name in words} for words in found)
    attributes = queries["attributes"] if "attributes" in queries else attribute_words(source.objects[known])
    broken.sort(key=lambda entry: entry["path"])
    dropped = {**source.dropped, "ignored_category_objects": int((~known).sum()), **dropped}
    info = DatasetInfo(data.name, images_root, base, novel, synonyms, hypernyms, attributes, broken, dropped)
    absent = None if source.absent is None else pd.DataFrame(source.absent, columns=list(NEGATIVE_COLUMNS))
    objects, negatives = (
        None if table is None else table[table["image_id"].isin(images["image_id"]) & table["category"].isin(names)]
        for table in (source.objects, absent)
    )
    records = Records(images, objects, info, negatives)
    return records, {i: source.captions[i] for i in records.images["image_id"] if i in source.captions}


def _base_and_novel(data: Data, base_folder: Path, source: Source) -> tuple[list[str], list[str]]:
    if not source.categories and (data.novel or data.categories or data.queries):
        raise UsageError("data.novel, data.categories and data.queries must be empty, since this set has no labels")
    if data.categories and data.novel:
        raise UsageError("data.categories and data.novel both define the novel categories; set one of them")
    if data.categories and data.categories.startswith(splits.OFFICIAL):
        return splits.official_split(data.categories, source.categories, source.groups)
    if data.categories:
        return splits.read_categories(base_folder / data.categories, source.categories)
    if source.groups and not data.novel:
        return splits.official_split(splits.LVIS, source.categories, source.groups)
    return splits.novel_by_name(source.categories, data.novel)


def _inspect(
    data: Data, folder: Path, source: Source, processes: int, cache: Path | None
) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """The usable images (with width, height, hash as found) and the broken ones."""
    paths = [folder / picture.path for picture in source.pictures.values()]
    results = inspect_all(paths, processes, data.max_pixels, data.min_side, cache)
    rows, broken = [], list(source.broken)
    for (image_id, path, width, height), found in zip(source.pictures.values(), results, strict=True):
        if isinstance(found, BrokenImage):
            broken.append({"path": path, "reason": found.reason})
        elif width and (width, height) != (found.width, found.height):
            # Its boxes would be wrong: it was resized, or annotated before its EXIF rotation.
            sizes = f"{found.width} x {found.height} px, but annotated as {width} x {height}"
            broken.append({"path": path, "reason": sizes})
        else:
            rows.append((image_id, path, *found))
    refuse_too_many(broken, len(rows) + len(broken), data.max_broken, folder)
    return pd.DataFrame(rows, columns=["image_id", "path", "width", "height", "hash"]), broken


def refuse_too_many(broken: list[dict[str, str]], total: int, limit: float, folder: Path) -> None:
    """Raise a ForError if a larger share than `limit` of the `total` images in `folder` is broken."""
    if len(broken) > limit * total:
        what = f"{len(broken)} of {total} images in {printable(folder)} cannot be used"
        why = f"more than data.max_broken ({limit:.1%}) allows; the first is {_named(broken[0])}"
        raise ForError(f"{what}, {why}; repair them, check data.images, or raise data.max_broken")


def _named(entry: dict[str, str]) -> str:
    return f"{printable(entry['path'])} ({entry['reason']})"


def records_now(project: Project) -> Records:
    """The records of the files as they are now; only the cache is written. ForError: bad data, or changed shards."""
    if is_current(project):
        return load_records(project.prepared)
    data, files = project.params.data, listing(project.params.data, project.root)
    if format_of(data.kind).unpacks:
        raise ForError(f"{data.root} has changed since it was prepared; run `for-cli index refresh`")
    records = read_set(data, project.root.resolve(), project.settings.processes, project.cache)
    if (project.prepared / "dataset.json").exists() and load_info(project.prepared) == records.info:
        note_prepared(project.cache, files, project.prepared)
    return records


def is_current(project: Project) -> bool:
    """Whether data/prepared was made from the files and the params.yaml as they are now."""
    files = listing(project.params.data, project.root)
    try:
        noted = read_json(project.cache / "prepared.json")
        same = noted["prepared"] == file_hash(project.prepared / "dataset.json")
        return files is not None and bool(same and noted["files"] == files)
    except (ForError, OSError, KeyError, TypeError):
        return False
