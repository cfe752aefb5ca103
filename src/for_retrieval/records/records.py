"""The tables that every later stage reads: images, the objects in them, and what the set is about."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from for_retrieval.errors import ForError
from for_retrieval.files import atomic, read_json, write_json

IMAGE_COLUMNS = {
    "image_id": "str",
    "path": "str",  # relative to the image root, posix
    "width": "int32",  # px, after EXIF orientation
    "height": "int32",
    "hash": "str",  # sha256 of the file's bytes
    "split": "str",  # train, val or test
}
OBJECT_COLUMNS = {
    "image_id": "str",
    "x": "float32",  # px from the left edge of the upright image
    "y": "float32",
    "w": "float32",  # px, above 0; x + w ends inside the image
    "h": "float32",
    "category": "str",
    "attributes": "str",  # a JSON object such as {"colour": "red"}
    "crowd": "bool",  # the box holds many instances
}
NEGATIVE_COLUMNS = {"image_id": "str", "category": "str"}  # somebody looked, and the image does not show it
_NEGATIVES = "negatives.parquet"
_REMEDY = "run `dvc repro prepare`"


@dataclass(frozen=True)
class Source:
    """What a reader of one annotation format returns, before any image was opened.

    images: image_id, path, width, height (px as the annotations say, 0 where they say nothing).
    objects: the columns of OBJECT_COLUMNS, boxes clipped to the image.
    broken: files that are known to be unusable already, as {path, reason}.
    parts: image_id -> train, val or test, where the format says it; None where it does not.
    groups: names of kinds of categories, such as ``rare``, and the categories that belong to them.
    negatives: the columns of NEGATIVE_COLUMNS where not every image was searched for every category, else None.
    captions: image_id -> what somebody wrote about it.
    """

    images: pd.DataFrame
    objects: pd.DataFrame
    categories: list[str] = field(default_factory=list)
    synonyms: dict[str, list[str]] = field(default_factory=dict)
    hypernyms: dict[str, list[str]] = field(default_factory=dict)
    broken: list[dict[str, str]] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    parts: dict[str, str] | None = None
    groups: dict[str, list[str]] = field(default_factory=dict)
    negatives: pd.DataFrame | None = None
    captions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetInfo:
    """What a set is about.

    root: the image folder as written in params.yaml, usable from the project folder.
    attributes: the words of attribute queries, by attribute; ``{"colour": ["red", ...]}``.
    broken: images left out, as {path, reason}. dropped: how many of what was left out on purpose.
    digest: sha256 over the tables; `Records` fills it in.
    """

    name: str
    root: str
    base: list[str]
    novel: list[str]
    synonyms: dict[str, list[str]] = field(default_factory=dict)
    hypernyms: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, list[str]] = field(default_factory=dict)
    broken: list[dict[str, str]] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    digest: str = ""

    @property
    def colours(self) -> list[str]:
        """The colour words; empty where objects have no colour."""
        return self.attributes.get("colour", [])


@dataclass(frozen=True, eq=False)
class Records:
    """One prepared set. However it is built, its rows are typed and sorted and its digest is right.

    negatives: None where an image without an object of a category does not show it, as in most sets. Otherwise
    only a listed image is known not to show it, and those that are neither are not judged (LVIS).
    """

    images: pd.DataFrame
    objects: pd.DataFrame
    info: DatasetInfo
    negatives: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        images = _normalised(self.images, IMAGE_COLUMNS)
        objects = _normalised(self.objects, OBJECT_COLUMNS)
        negatives = None if self.negatives is None else _normalised(self.negatives, NEGATIVE_COLUMNS)
        tables = [table for table in (images, objects, negatives) if table is not None]
        info = dataclasses.replace(self.info, digest=_digest(*tables))
        for name, value in (("images", images), ("objects", objects), ("negatives", negatives), ("info", info)):
            object.__setattr__(self, name, value)

    def paths(self, project: Path) -> list[Path]:
        """Where each image lies, in the order of `images`; `project` is the folder of params.yaml."""
        return [project / self.info.root / path for path in self.images["path"]]

    def of(self, *splits: str) -> Records:
        """The images of these splits and what is known about them, with a digest of their own."""
        images = self.images[self.images["split"].isin(splits)]
        objects = self.objects[self.objects["image_id"].isin(images["image_id"])]
        negatives = self.negatives
        if negatives is not None:
            negatives = negatives[negatives["image_id"].isin(images["image_id"])]
        return Records(images, objects, self.info, negatives)

    def save(self, folder: Path) -> None:
        """Write images.parquet, objects.parquet and dataset.json; equal records give equal bytes.

        A fourth file, negatives.parquet, is there only where the records have negatives.
        """
        _write_table(self.images, folder / "images.parquet")
        _write_table(self.objects, folder / "objects.parquet")
        if self.negatives is None:
            (folder / _NEGATIVES).unlink(missing_ok=True)  # of the set that was prepared here before
        else:
            _write_table(self.negatives, folder / _NEGATIVES)
        write_json(folder / "dataset.json", dataclasses.asdict(self.info))


def empty_objects() -> pd.DataFrame:
    """An objects table without rows."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in OBJECT_COLUMNS.items()})


def load_records(folder: Path) -> Records:
    """Read what `Records.save` wrote.

    Raises:
        ForError: a file is missing or damaged, or the files do not belong together.
    """
    info = load_info(folder)
    tables = read_tables(folder)
    records = Records(tables["images"], tables["objects"], info, tables.get("negatives"))
    if records.info.digest != info.digest:
        raise ForError(f"the tables in {folder} do not belong to its dataset.json; {_REMEDY}")
    return records


def load_info(folder: Path) -> DatasetInfo:
    """What a prepared set is about.

    Raises:
        ForError: dataset.json is missing or damaged.
    """
    content = read_json(folder / "dataset.json", _REMEDY)
    try:
        return DatasetInfo(**content)
    except TypeError:
        raise ForError(f"{folder / 'dataset.json'} was written by another version; {_REMEDY}") from None


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables images, objects and, where there are any, negatives, as they are on the disk.

    Raises:
        ForError: a file is missing or damaged.
    """
    names = ["images", "objects", *(["negatives"] if (folder / _NEGATIVES).exists() else [])]
    return {name: _read_table(folder / f"{name}.parquet") for name in names}


def _normalised(frame: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    typed = frame[list(columns)].astype(columns)
    return typed.sort_values(list(columns), kind="stable", ignore_index=True)


def _digest(*frames: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for frame in frames:
        for name in frame.columns:
            digest.update(str(name).encode())
            values = frame[name].to_numpy()
            if values.dtype.kind in "ifb":
                digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
            else:
                digest.update(json.dumps(values.tolist()).encode())
    return digest.hexdigest()


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Without pandas' metadata, which names the version of pandas: equal tables give equal bytes.
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _read_table(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, partitioning=None).to_pandas()
    except FileNotFoundError:
        raise ForError(f"{path} does not exist; {_REMEDY}") from None
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise ForError(f"{path} is not a readable Parquet file ({reason}); {_REMEDY}") from None
