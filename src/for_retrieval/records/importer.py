"""`for-cli data`: recognise and read the set in a folder, report what was found, import it, or convert it to COCO."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypedDict, Unpack

import pandas as pd
from rich.table import Table
from rich.text import Text

from for_retrieval.errors import ForError, UsageError, printable
from for_retrieval.files import write_json, write_text
from for_retrieval.params import Data, SplitRatio, load_params
from for_retrieval.params.editing import edit_params
from for_retrieval.records.images import MISSING
from for_retrieval.records.prepare import read_set, read_with_captions, refuse_too_many
from for_retrieval.records.readers import detect, format_of
from for_retrieval.records.readers.format import Places
from for_retrieval.records.readers.source import leaves
from for_retrieval.records.records import Records
from for_retrieval.records.splits import OFFICIAL, SPLITS

# The section data without a params.yaml; the same values as in the params.yaml of a new project.
DEFAULTS: dict[str, Any] = {"min_side": 8, "max_pixels": 60_000_000, "max_broken": 0.02}
DEFAULTS["split_ratio"] = SplitRatio(train=0.6, val=0.1, test=0.3)
Found = dict[str, Any]  # see `summary`
SHOWN = 5  # bad files that the table names; JSON has all


class Options(TypedDict, total=False):
    """What the user says about a set; all that is missing or None is guessed."""

    kind: str | None
    images: str | None
    annotations: str | None
    splits: str | None
    categories: str | None
    queries: str | None
    novel: Sequence[str]
    name: str | None


def describe(folder: Path, **options: Unpack[Options]) -> dict[str, Any]:
    """The section `data` for the set in `folder`, as far as it is about the set; paths are below the folder.

    images and annotations may be given per part: ``train=a.json,test=b.json``. ``splits.json``, ``categories.json`` and
    ``queries.json`` are used if they exist. `annotations` is None if the format needs none. Raises UsageError: no such
    folder or file, an unknown kind, no annotations of that kind, or several to choose from.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"{printable(folder)} {problem}; name the folder that holds your images")
    novel, name, categories = options.get("novel", ()), options.get("name"), options.get("categories")
    if categories and novel:
        raise UsageError("--categories and --novel both define the novel categories; give one of them")
    if name is not None and not re.fullmatch(r"[\w.-]+", name):
        raise UsageError(f"--name {name!r} may hold only letters, digits and . _ -")
    found = detect(folder, options.get("kind"), _places(folder, options.get("annotations"), "--annotations"))
    form = format_of(found.kind)
    if not form.labelled and (categories or options.get("queries")):
        raise UsageError("a folder of images has no annotations, categories or queries; leave out --kind folder")

    def listed(key: Literal["splits", "categories", "queries"], guess: bool) -> str | None:
        existing = f"{key}.json" if guess and (folder / f"{key}.json").is_file() else None
        return _below(folder, options.get(key), f"--{key}") or existing

    if categories is None or not categories.startswith(OFFICIAL):
        guess = form.labelled and not novel
        categories = listed("categories", guess) or (form.categories if guess else None)
    return {
        "kind": found.kind,
        "name": name or set_name(folder),
        "root": folder.resolve().as_posix(),
        "images": _places(folder, options.get("images"), "--images") or found.images,
        "annotations": found.annotations,
        "splits": listed("splits", True),
        "categories": categories,
        "novel": list(novel),
        "queries": listed("queries", form.labelled),
    }


def set_name(folder: Path) -> str:
    """The name of a set that the user did not name: that of its folder."""
    return re.sub(r"[^\w.-]+", "-", folder.resolve().name).strip("-") or "my-images"


def _places(folder: Path, given: str | None, option: str) -> Places | None:
    if given is None or "=" not in given or (folder / given).exists() or Path(given).exists():
        return _below(folder, given, option)
    places = {}
    for entry in given.split(","):
        part, _, path = entry.strip().partition("=")
        if part not in SPLITS or not path:
            raise UsageError(f"{option}: {entry!r} must be train=PATH, val=PATH or test=PATH; correct it")
        places[part] = _below(folder, path, option) or ""
    return places


def _below(folder: Path, given: str | None, option: str) -> str | None:
    """A path that the user gave, from `folder` or from the working folder; relative to `folder` if it lies in it."""
    if given is None:
        return None
    for path in (folder / given, Path(given)):
        if path.exists():
            whole, base = path.resolve(), folder.resolve()
            return (whole.relative_to(base) if whole.is_relative_to(base) else whole).as_posix()
    where = f"neither in {printable(folder)} nor in this folder"
    raise UsageError(f"{option}: {printable(given)} is {where}; correct the path")


def import_data(project: Path, folder: Path, processes: int = 1, **options: Unpack[Options]) -> Found:
    """Read the set in `folder` and, if it can be used, write it into params.yaml; errors are as of `describe`."""
    path = project / "params.yaml"
    params = load_params(path)
    changes = describe(folder, **options)
    root = Path(changes["root"])
    if root.is_relative_to(project.resolve()):
        changes["root"] = root.relative_to(project.resolve()).as_posix()
    if changes["annotations"] is None:
        del changes["annotations"]  # the format does not use it; the value in the file is kept
    data = Data.model_validate({**params.data.model_dump(), **changes})
    with _remedies_for_options():
        found = summary(data, read_set(data, project, processes))
    edit_params(path, {**{("data", key): value for key, value in changes.items()}, ("index", "gallery"): list(SPLITS)})
    return found


def read_without_project(
    folder: Path, unpacked: Path, processes: int, **options: Unpack[Options]
) -> tuple[Data, Records, dict[str, str]]:
    """The set in `folder` as a section `data`, its records, and the captions of images that have one.

    The values are those in DEFAULTS, but any number of images may be broken. unpacked: a folder to which the images of
    shards are written. Raises UsageError: as `describe`. ForError: the data is invalid.
    """
    said = describe(folder, **options)
    data = Data.model_construct(**{**DEFAULTS, **said, "annotations": said["annotations"] or "", "max_broken": 1.0})
    with _remedies_for_options():
        return data, *read_with_captions(data, folder, processes, unpacked)


@contextmanager
def _remedies_for_options() -> Iterator[None]:
    """Errors inside name the options of the command, where those of the stages name keys of params.yaml."""
    options = {"root": "FOLDER", "images": "--images", "annotations": "--annotations"}
    try:
        yield
    except ForError as error:
        what, end, remedy = str(error).rpartition("; ")
        pattern = r"\bdata\.(root|images|annotations|splits|categories|queries)\b"
        remedy = re.sub(pattern, lambda key: options.get(key[1], f"{key[1]}.json"), remedy)
        error.args = (what + end + remedy.removesuffix(" in params.yaml"),)
        raise


def check_folder(folder: Path, processes: int, **options: Unpack[Options]) -> Found:
    """The `summary` of the set in `folder`, without a project; raises what `read_without_project` does."""
    with TemporaryDirectory() as unpacked:
        return summary(*read_without_project(folder, Path(unpacked, "images"), processes, **options)[:2])


def require_usable(found: Found) -> None:
    """Raise a ForError if a project with the default `data.max_broken` would refuse the set for its broken images."""
    broken = [*({"path": path, "reason": MISSING} for path in found["missing"]), *found["broken"]]
    dropped = found["dropped"]["images_in_no_split"] + found["dropped"]["duplicate_images"]
    total = found["images"] + dropped + len(broken)
    with _remedies_for_options():
        refuse_too_many(broken, total, DEFAULTS["max_broken"], Path(found["root"]))


def summary(data: Data, records: Records) -> Found:
    """What the records of a set hold, as JSON. Images are counted after dropping, duplicates before."""
    info, images = records.info, records.images
    counts = images["split"].value_counts()
    return {
        **{key: getattr(data, key) for key in ("kind", "name", "root")},
        "images": len(images),
        "objects": len(records.objects),
        "categories": len(info.base) + len(info.novel),
        "base": info.base,
        "novel": info.novel,
        "missing": [entry["path"] for entry in info.broken if entry["reason"] == MISSING],
        "broken": [entry for entry in info.broken if entry["reason"] != MISSING],
        "duplicates": len(images) - images["hash"].nunique() + info.dropped["duplicate_images"],
        "dropped": info.dropped,
        "attributes": info.attributes,
        "splits": {split: int(counts.get(split, 0)) for split in SPLITS},
    }


def found_table(found: Found) -> Table:
    """Counts, and the first bad files."""
    table = Table(title=f"{found['name']} ({found['kind']}, {printable(found['root'])})", show_header=False)
    splits = ", ".join(f"{count} {split}" for split, count in found["splits"].items())
    dropped = {reason.replace("_", " "): count for reason, count in found["dropped"].items() if count}
    rows = {
        "images": f"{found['images']} ({splits})",
        "objects": found["objects"],
        "categories": f"{found['categories']} ({len(found['base'])} base, {len(found['novel'])} novel)",
        **{f"attribute {name}": ", ".join(words) for name, words in found["attributes"].items()},
        "missing files": _some(found["missing"]),
        "unreadable images": _some([f"{entry['path']} ({entry['reason']})" for entry in found["broken"]]),
        "duplicate images": found["duplicates"],
        **{f"left out: {reason}": count for reason, count in dropped.items()},
    }
    for name, value in rows.items():
        table.add_row(name, Text(str(value)))
    return table


def _some(entries: list[str]) -> str:
    more = [f"and {len(entries) - SHOWN} more"] if len(entries) > SHOWN else []
    return f"{len(entries)}: {', '.join([*map(printable, entries[:SHOWN]), *more])}" if entries else "0"


def convert(folder: Path, out: Path, processes: int, **options: Unpack[Options]) -> Found:
    """Write the set in `folder` as a COCO folder `out`: images, annotations.json, and the lists that import reads.

    The lists are splits.json and, with labels, categories.json and queries.json. Image files are hard-linked where the
    disk allows it, and copied elsewhere. Left out are broken images, dropped objects, and LVIS's negatives, which COCO
    does not have. `out` appears only when it is complete. Raises UsageError: `out` exists, or as `describe`. ForError:
    the data is invalid, too many images are broken, or the disk is full.
    """
    if out.exists():
        raise UsageError(f"{printable(out)} exists already; name a new folder")
    partial = out.absolute().with_name(f".{out.name}.{os.getpid()}")
    unpacked = partial / ".unpacked"
    try:
        data, records, captions = read_without_project(folder, unpacked, processes, **options)
        found = summary(data, records)
        require_usable(found)
        names = _place_images(records, folder, partial / "images")
        content = _coco_content(records, names, captions)
        write_text(partial / "annotations.json", json.dumps(content, ensure_ascii=False))
        write_json(partial / "splits.json", pd.Series(names).groupby(records.images["split"]).apply(list).to_dict())
        if found["categories"]:
            write_json(partial / "categories.json", {key: found[key] for key in ("base", "novel")})
            words = {key: getattr(records.info, key) for key in ("synonyms", "hypernyms", "attributes")}
            write_json(partial / "queries.json", words)
        shutil.rmtree(unpacked, ignore_errors=True)
        partial.rename(out.absolute())
    except OSError as error:
        raise ForError(f"{printable(out)} cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if records.negatives is not None:
        found["dropped"]["negatives"] = len(records.negatives)
    return found


def _place_images(records: Records, folder: Path, target: Path) -> list[str]:
    """Link or copy all images into `target`; returns their paths below it, in the order of the records."""
    names = []
    for number, (path, source) in enumerate(zip(records.images["path"], records.paths(folder), strict=True)):
        name = f"{number:08d}{source.suffix}" if leaves(path) else path  # parts may lie outside the folder of the set
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source.resolve(), place)
        except OSError:  # another disk, or one without hard links
            shutil.copyfile(source, place)
        names.append(name)
    return names


def _coco_content(records: Records, names: list[str], captions: dict[str, str]) -> dict[str, Any]:
    """A COCO instances file with captions and attributes; names: the paths of images, whose ids stay if numbers."""
    info, images = records.info, records.images
    ids = images["image_id"].tolist()
    kept = all(text.isdecimal() and str(int(text)) == text for text in ids)
    numbers = {image_id: int(image_id) if kept else number for number, image_id in enumerate(ids, 1)}
    categories = {name: number for number, name in enumerate([*info.base, *info.novel], 1)}
    return {
        "info": {"description": info.name},
        "images": [
            {"id": numbers[row.image_id], "file_name": name, "width": row.width, "height": row.height}
            | ({"caption": captions[row.image_id]} if row.image_id in captions else {})
            for row, name in zip(images.itertuples(), names, strict=True)
        ],
        "annotations": [
            {
                "id": number,
                "image_id": numbers[row.image_id],
                "category_id": categories[row.category],
                "bbox": [float(side) for side in (row.x, row.y, row.w, row.h)],
                "area": float(row.w) * float(row.h),
                "iscrowd": int(row.crowd),
                "attributes": json.loads(row.attributes),
            }
            for number, row in enumerate(records.objects.itertuples(), 1)
        ],
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
