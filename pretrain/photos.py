"""Photographs: unlabelled crops that hold the drawn way to ConSE, and labelled ones that measure the tower.

Any COCO folder with a split file serves; the pictures are read where they lie and never copied.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from for_retrieval.model.mini_clip import MiniClip, MiniLM, each_its_way, embed
from pretrain.stems import to_input

CROP = 224  # px
CONTEXT = 1.2  # side of a crop / longer side of the box


@dataclass(frozen=True)
class Crops:
    """Crops of single objects, [n, 224, 224, 3] bytes, and their category names."""

    pictures: NDArray[np.uint8]
    names: list[str]


def load_crops(folder: Path, split: str) -> Crops:
    """One crop for every box of `split`, a little wider than the box, resized."""
    coco = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    ids = set(json.loads((folder / "splits.json").read_text(encoding="utf-8"))[split])
    names = {c["id"]: c["name"] for c in coco["categories"]}
    files = {i["id"]: i["file_name"] for i in coco["images"] if i["id"] in ids}
    boxes: dict[int, list[tuple[list[float], str]]] = {}
    for a in coco["annotations"]:
        if a["image_id"] in files:
            boxes.setdefault(a["image_id"], []).append((a["bbox"], names[a["category_id"]]))
    pictures, labels = [], []
    for image_id, rows in sorted(boxes.items()):
        with Image.open(folder / "images" / files[image_id]) as image:
            rgb = image.convert("RGB")
        for (x, y, w, h), name in rows:
            half = max(w, h) * CONTEXT / 2
            cx, cy = x + w / 2, y + h / 2
            crop = rgb.resize(
                (CROP, CROP),
                Image.Resampling.BICUBIC,
                box=(
                    max(0, cx - half),
                    max(0, cy - half),
                    min(rgb.width, cx + half),
                    min(rgb.height, cy + half),
                ),
            )
            pictures.append(np.asarray(crop))
            labels.append(name)
    return Crops(np.stack(pictures), labels)


@torch.inference_mode()
def top_k(model: MiniClip, text: MiniLM, crops: Crops, *, plain: bool = False) -> tuple[float, float]:
    """Zero-shot top-1 and top-5 accuracy in percent, among the names that the crops have.

    Args:
        plain: use ConSE with names alone, on the drawn way.
    """
    names = sorted(set(crops.names))
    words = torch.nn.functional.normalize(
        model.text(embed(text, names)) + model.text(embed(text, [f"a photo of a {n}" for n in names])), dim=-1
    )
    scores = []
    for start in range(0, len(crops.names), 64):
        stem = model.stem(to_input(crops.pictures[start : start + 64]))
        if plain:
            logits = model.classifier(model.drawn.cells(stem).mean(1))
            pooled = torch.nn.functional.normalize(model.drawn.conse(logits), dim=-1)
        else:
            pooled = each_its_way(stem, model.is_drawn(stem), 64, model.read).pooled
        scores.append(pooled @ words.T)
    order: Tensor = torch.cat(scores).argsort(dim=1, descending=True, stable=True)
    truth = torch.tensor([names.index(n) for n in crops.names])[:, None]
    hit = order == truth
    return 100 * hit[:, :1].any(1).float().mean().item(), 100 * hit[:, :5].any(1).float().mean().item()
