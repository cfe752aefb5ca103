"""The shipped box net: which photographs it may learn from, what their views show, and that it learns."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from pretrain.boxes import BoxRecipe, open_photographs, recall, train_boxes
from torch.testing import assert_close

from for_retrieval.errors import ForError
from for_retrieval.model.features import Cells, Layout
from for_retrieval.train.lesson import Objects

LICENSES = [
    {"id": 1, "name": "BY", "url": "http://creativecommons.org/licenses/by/2.0/"},
    {"id": 2, "name": "BY-ND", "url": "http://creativecommons.org/licenses/by-nd/2.0/"},
    {"id": 3, "name": "BY-NC-SA", "url": "http://creativecommons.org/licenses/by-nc-sa/2.0/"},
    {"id": 4, "name": "BY-SA", "url": "http://creativecommons.org/licenses/by-sa/2.0/"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures of 200 x 100 px, one of each license, one without, and one in another split; a red box in each."""
    (tmp_path / "images").mkdir()
    images, annotations = [], []
    for number, licence in enumerate([1, 2, 3, 4, None, 1], 1):
        pixels = np.zeros((100, 200, 3), np.uint8)
        pixels[20:60, 40:80] = (255, 0, 0)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 200, "height": 100, "license": licence})
        annotations.append({"image_id": number, "bbox": [40, 20, 40, 40], "iscrowd": 0})
        annotations.append({"image_id": number, "bbox": [0, 0, 200, 100], "iscrowd": 1})
    coco = {"licenses": LICENSES, "images": images, "annotations": annotations}
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    (tmp_path / "splits.json").write_text(json.dumps({"train": [1, 2, 3, 4, 5], "val": [6], "test": []}))
    return tmp_path


def test_only_what_may_be_changed_and_passed_on(folder: Path) -> None:
    found = open_photographs(folder, "train")
    assert [photograph.source for photograph in found] == ["1.png (BY)", "4.png (BY-SA)"]
    assert_close(found[0].boxes, torch.tensor([[0.3, 0.4, 0.2, 0.4]]))  # no crowd
    with pytest.raises(ForError, match=r"has no photograph in test whose license allows derivatives$"):
        open_photographs(folder, "test")


def test_it_learns(tmp_path: Path) -> None:
    cells = Cells((6, 6), (4,))
    tower = SimpleNamespace(layout=Layout(Cells((3, 3), (1,)), cells, 1))
    generator = torch.Generator().manual_seed(0)
    boxes = torch.cat([0.2 + 0.6 * torch.rand(40, 1, 2, generator=generator), torch.full((40, 1, 2), 0.25)], -1)
    near = torch.exp(-40 * (cells.centres()[None] - boxes[..., :2]).square().sum(-1))
    fine = torch.cat([3 * near.unsqueeze(2), near.unsqueeze(2) * boxes[..., :2] * 5, near.unsqueeze(2)], -1)
    them = Objects(torch.zeros(40, 1, dtype=torch.long), boxes)
    recipe = BoxRecipe(0, 1, 40, 5, 20, 0.005, 0.02)
    net = train_boxes(fine, them, tower, recipe, tmp_path / "p.pt")  # type: ignore[arg-type]
    assert recall(net, fine, them, 1) > 50
    assert not (tmp_path / "p.pt").exists()
