"""A small set that passes every check, to break one thing at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

from for_retrieval.files import file_hash
from for_retrieval.project import Project
from for_retrieval.records.checks.run import check_data
from for_retrieval.records.checks.verdict import Verdict
from for_retrieval.records.fractions import make_fraction, save_fraction
from for_retrieval.records.records import OBJECT_COLUMNS, DatasetInfo, Records

PARAMS = Path(__file__).parents[2] / "params.yaml"
SPLITS = ["train"] * 24 + ["val"] * 6 + ["test"] * 10
RUNS = {"in-100": {"fraction": 100, "vocabulary": "in", "seeds": [0]}}
Change = Callable[[pd.DataFrame], Any]


def empty_objects() -> pd.DataFrame:
    """An objects table without rows."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in OBJECT_COLUMNS.items()})


def noise(seed: int, size: tuple[int, int] = (48, 32)) -> Image.Image:
    """A picture like no other one: 9 x 8 random tones, so that its fingerprint is random too."""
    tones = np.random.default_rng(seed).integers(0, 256, (8, 9), dtype=np.uint8)
    return Image.fromarray(tones).resize(size, Image.Resampling.NEAREST).convert("RGB")


class CheckedSet:
    """40 pictures of 48 x 32 px, two or three objects in each, as a project with nothing but what `validate` reads."""

    def __init__(self, root: Path, labelled: bool = True) -> None:
        self.root = root
        self.labelled = labelled
        self.images = pd.DataFrame(
            [self.draw(number, split) for number, split in enumerate(SPLITS)],
            columns=["image_id", "path", "width", "height", "hash", "split"],
        )
        rows = [
            (f"i{n:02}", 4 + 10 * k, 5, 8, 9, name, '{"colour": "red"}', False)
            for n in range(len(SPLITS))
            for k, name in enumerate(("car", "dog", "bus")[: 3 if n % 2 else 2])
        ]
        columns = list(empty_objects())
        self.objects = pd.DataFrame(rows, columns=columns) if labelled else empty_objects()
        self.negatives: pd.DataFrame | None = None
        self.params()

    def draw(self, number: int, split: str, seed: int | None = None) -> tuple[Any, ...]:
        """Write one picture and return its row."""
        path = self.root / "images" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(number if seed is None else seed).save(path)
        return f"i{number:02}", path.name, 48, 32, file_hash(path), split

    def params(self, **changes: Any) -> None:
        """Write params.yaml, with changes to the section checks."""
        values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
        values["fractions"] = {"percent": [25, 100], "min_images": 1}
        values["train"]["runs"], values["index"]["run"] = RUNS, "in-100"
        values["checks"] |= changes
        (self.root / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")

    def save(self) -> Records:
        """Write tables and fractions as the stages before do."""
        base, novel = (["car", "bus"], ["dog"]) if self.labelled else ([], [])
        records = Records(self.images, self.objects, DatasetInfo("checked", "images", base, novel), self.negatives)
        records.save(self.project.prepared)
        for percent in self.project.params.fractions.percent:
            ids = make_fraction(records, percent, 1, 0)
            save_fraction(self.project.data / "fractions", percent, ids)
        return records

    def store(self, name: str, change: Change) -> None:
        """Change a stored table behind the back of `Records`."""
        path = self.project.prepared / f"{name}.parquet"
        frame = pq.read_table(path).to_pandas()
        changed = change(frame)
        pq.write_table(pa.Table.from_pandas(frame if changed is None else changed, preserve_index=False), path)

    @property
    def project(self) -> Project:
        """As it is now."""
        return Project(self.root)

    def check(self, accepted: dict[str, Any] | None = None) -> Verdict:
        """The verdict on what is stored, by one process."""
        project = self.project
        pages = project.data / "validation"
        return check_data(project, accepted, pages, project.reports / "validation.json")

    def copy(self, target: Path) -> CheckedSet:
        """The same in another folder."""
        shutil.copytree(self.root, target, dirs_exist_ok=True)
        other = object.__new__(CheckedSet)
        other.root, other.labelled = target, self.labelled
        other.images, other.objects, other.negatives = self.images.copy(), self.objects.copy(), self.negatives
        return other
