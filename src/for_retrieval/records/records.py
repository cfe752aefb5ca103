"""The tables that every later stage reads: images, the objects in them, and a description of the set."""

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
NEGATIVE_COLUMNS = {"image_id": "str", "category": "str"}  # annotators looked, and the image does not show it
COLUMNS = {"images": IMAGE_COLUMNS, "objects": OBJECT_COLUMNS, "negatives": NEGATIVE_COLUMNS}  # of each table
FILES = {"images": "images.parquet", "objects": "objects.parquet", "negatives": "negatives.parquet"}
_REMEDY = "run `dvc repro prepare`"


@dataclass(frozen=True)
class DatasetInfo:
    """The description of a set."""

    name: str
    root: str  # the image folder, relative to the project folder or absolute
    base: list[str]
    novel: list[str]
    synonyms: dict[str, list[str]] = field(default_factory=dict)
    hypernyms: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, list[str]] = field(default_factory=dict)  # words of queries: ``{"colour": ["red", ...]}``
    broken: list[dict[str, str]] = field(default_factory=list)  # unusable images, as {path, reason}
    dropped: dict[str, int] = field(default_factory=dict)  # counts of what was left out, by reason
    digest: str = ""  # sha256 over the tables; `Records` computes it

    @property
    def colours(self) -> list[str]:
        """The colour words; empty if objects have no colour."""
        return self.attributes.get("colour", [])


@dataclass(frozen=True, eq=False)
class Records:
    """One prepared set. The constructor types and sorts the rows and computes the digest."""

    images: pd.DataFrame
    objects: pd.DataFrame
    info: DatasetInfo
    # If None, an image without an object of a category does not show it, as in most sets. Otherwise only listed images
    # are known not to show it, and all others without an object are not judged (LVIS).
    negatives: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        digest = hashlib.sha256()
        for name, columns in COLUMNS.items():
            if (table := getattr(self, name)) is not None:
                typed = table[[*columns]].astype(columns).sort_values([*columns], kind="stable", ignore_index=True)
                object.__setattr__(self, name, typed)
                for column in columns:
                    digest.update(column.encode())
                    values = typed[column].to_numpy()
                    if values.dtype.kind in "ifb":
                        digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
                    else:
                        digest.update(json.dumps(values.tolist()).encode())
        object.__setattr__(self, "info", dataclasses.replace(self.info, digest=digest.hexdigest()))

    def paths(self, project: Path) -> list[Path]:
        """The files of all images, in the order of `images`; `project` is the folder of params.yaml."""
        return [project / self.info.root / path for path in self.images["path"]]

    @property
    def teachable(self) -> bool:
        """Whether a training image is labelled with a base category; else there is nothing to finetune on."""
        train = self.images.loc[self.images["split"] == "train", "image_id"]
        return bool((self.objects["category"].isin(self.info.base) & self.objects["image_id"].isin(train)).any())

    def of(self, *splits: str) -> Records:
        """The images of these splits with their objects and negatives, and a digest of their own."""
        images = self.images[self.images["split"].isin(splits)]
        objects, negatives = (
            None if table is None else table[table["image_id"].isin(images["image_id"])]
            for table in (self.objects, self.negatives)
        )
        return Records(images, objects, self.info, negatives)

    def save(self, folder: Path) -> None:
        """Write the tables (negatives if there are any) and dataset.json; equal records give equal bytes."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        for name, file in FILES.items():
            path, table = folder / file, getattr(self, name)
            if table is None:
                path.unlink(missing_ok=True)  # from the set that was prepared here before
                continue
            # Without pandas' metadata, which names the version of pandas: equal tables give equal bytes.
            content = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
            with atomic(path) as temporary:
                pq.write_table(content, temporary, compression="zstd")
        write_json(folder / "dataset.json", dataclasses.asdict(self.info))


def load_records(folder: Path) -> Records:
    """Read what `Records.save` wrote; ForError if a file is missing or damaged, or they do not belong together."""
    info = load_info(folder)
    records = Records(info=info, **read_tables(folder))
    if records.info.digest != info.digest:
        raise ForError(f"the tables in {folder} do not belong to its dataset.json; {_REMEDY}")
    return records


def load_info(folder: Path) -> DatasetInfo:
    """The description of a prepared set; ForError if dataset.json is missing or damaged."""
    content = read_json(folder / "dataset.json", _REMEDY)
    try:
        return DatasetInfo(**content)
    except TypeError:
        raise ForError(f"{folder / 'dataset.json'} was written by another version; {_REMEDY}") from None


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The stored tables images, objects and, if any, negatives, unchecked; ForError if one is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables: dict[str, pd.DataFrame] = {}
    for name, path in ((name, folder / file) for name, file in FILES.items()):
        try:
            tables[name] = pq.read_table(path, partitioning=None).to_pandas()
        except FileNotFoundError:
            if name != "negatives":
                raise ForError(f"{path} does not exist; {_REMEDY}") from None
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise ForError(f"{path} is not a readable Parquet file ({reason}); {_REMEDY}") from None
    return tables
