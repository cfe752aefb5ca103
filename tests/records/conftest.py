"""Small real files: pictures that Pillow writes, COCO files around them, and params.yaml's section data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from for_retrieval.params import Data

Picture = Callable[..., Path]
Coco = Callable[..., Path]


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    """Write a one-coloured picture below tmp_path and return its path."""

    def write(name: str, size: tuple[int, int] = (40, 30), colour: Any = (200, 30, 30), **save: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path, **save)
        return path

    return write


@pytest.fixture
def coco(tmp_path: Path, picture: Picture) -> Coco:
    """Write three 40 x 30 pictures and a COCO file that is right, except for what `change` does to it."""

    def write(change: Callable[[dict[str, Any]], object] = lambda content: None) -> Path:
        names = ["a.png", "sub/b.png", "c.png"]
        for number, name in enumerate(names):
            picture(f"set/images/{name}", colour=(number, 0, 0))
        content = {
            "images": [{"id": n, "file_name": name, "width": 40, "height": 30} for n, name in enumerate(names, 1)],
            "annotations": [
                {"id": 11, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 10]},
                {"id": 12, "image_id": 1, "category_id": 2, "bbox": [5, 5, 20.5, 10], "iscrowd": 1},
                {"id": 13, "image_id": 2, "category_id": 3, "bbox": [0, 0, 40, 30]},
            ],
            "categories": [
                {"id": 1, "name": "car", "supercategory": "vehicle"},
                {"id": 2, "name": "dog", "supercategory": "animal"},
                {"id": 3, "name": "bus", "supercategory": "vehicle"},
            ],
        }
        change(content)
        path = tmp_path / "set" / "annotations.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def data_params() -> Callable[..., Data]:
    """The section data for the set that `coco` writes, with changes."""

    def make(**changes: Any) -> Data:
        values: dict[str, Any] = {
            "kind": "coco",
            "name": "tiny",
            "root": "set",
            "images": "images",
            "annotations": "annotations.json",
            "splits": None,
            "split_ratio": {"train": 0.6, "val": 0.1, "test": 0.3},
            "categories": None,
            "novel": [],
            "queries": None,
            "min_side": 8,
            "max_pixels": 60_000_000,
            "max_broken": 0.0,
        }
        return Data.model_validate({**values, **changes})

    return make
