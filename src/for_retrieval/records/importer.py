"""Recognise how the set in a folder is laid out, read all of it, and report what was found; for `for-cli data`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypedDict, Unpack

from rich.table import Table
from rich.text import Text

from for_retrieval.errors import ForError, UsageError, printable
from for_retrieval.params import Data, SplitRatio, load_params
from for_retrieval.params.editing import edit_params
from for_retrieval.records.images import MISSING
from for_retrieval.records.prepare import read_set, read_with_captions, refuse_too_many
from for_retrieval.records.readers import detect, format_of
from for_retrieval.records.readers.format import Places
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
    where = f"{printable(given)} is neither in {printable(folder)} nor in this folder"
    raise UsageError(f"{option}: {where}; correct the path")


def import_data(project: Path, folder: Path, processes: int = 1, **options: Unpack[Options]) -> Found:
    """Read the set in `folder` and, if it can be used, write it into the project's params.yaml.

    Raises UsageError: as `describe`, or an unknown novel category. ForError: the data is invalid. In both cases
    params.yaml is left unchanged.
    """
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
    """Read the set in `folder` without a project, with the values in DEFAULTS; any number of images may be broken.

    Returns the set as a section `data`, its records, and the captions of images that have one. unpacked: a folder to
    which the images of shards are written. Raises UsageError: as `describe`. ForError: the data is invalid.
    """
    described = describe(folder, **options)
    described["annotations"] = described["annotations"] or ""  # None if the format does not use it
    data = Data.model_construct(**{**DEFAULTS, **described, "max_broken": 1.0})
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
        data, records, _ = read_without_project(folder, Path(unpacked, "images"), processes, **options)
    return summary(data, records)


def require_usable(found: Found) -> None:
    """Raise a ForError if a project with the default `data.max_broken` would refuse the set for its broken images."""
    broken = [*({"path": path, "reason": MISSING} for path in found["missing"]), *found["broken"]]
    dropped = found["dropped"]["images_in_no_split"] + found["dropped"]["duplicate_images"]
    refuse_too_many(broken, found["images"] + dropped + len(broken), DEFAULTS["max_broken"], Path(found["root"]))


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
