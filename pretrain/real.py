"""Real photographs that no training used: how well the tower finds them by name, beside plain ConSE."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from for_retrieval.evaluate.metric import average_precisions
from for_retrieval.model.features import CPU, Features, autocast, squared
from for_retrieval.model.identity import fill_prompts
from for_retrieval.model.mini_clip import MiniClip, MiniLM, each_its_way, embed
from for_retrieval.model.training_free import TrainingFree
from for_retrieval.records.images import open_image
from pretrain.start import class_definitions, text_projection
from pretrain.stems import to_input

BATCH = 16  # pictures
METHODS = {"global": "clip", "dense": "dense-clip", "pooled": "pooled", "ensemble": "ensemble"}


def image_files(folder: Path, *splits: str) -> tuple[Path, ...]:
    """The image files of `splits` of a COCO folder, by id."""
    chosen = json.loads((folder / "splits.json").read_text(encoding="utf-8"))
    ids = {i for split in splits for i in chosen[split]}
    images = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))["images"]
    return tuple(folder / "images" / i["file_name"] for i in sorted(images, key=lambda i: i["id"]) if i["id"] in ids)


def relevance(folder: Path, split: str) -> tuple[list[str], NDArray[np.bool_]]:
    """The names of all categories, and which images of `split` show each: [images, names], as in `image_files`."""
    coco = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    ids = sorted(json.loads((folder / "splits.json").read_text(encoding="utf-8"))[split])
    row, column = {i: r for r, i in enumerate(ids)}, {c["id"]: n for n, c in enumerate(coco["categories"])}
    out = np.zeros((len(row), len(column)), bool)
    for a in coco["annotations"]:
        if a["image_id"] in row:
            out[row[a["image_id"]], column[a["category_id"]]] = True
    return [c["name"] for c in coco["categories"]], out


@torch.inference_mode()
def real_photos(model: MiniClip, text: MiniLM, folder: Path, settings: dict[str, Any], split: str) -> dict[str, Any]:
    """mAP@50 over all names of the split, by method: of the tower, and of plain ConSE with definitions.

    Plain ConSE has a text side of its own, and its softmax is the classifier's.

    Args:
        settings: the section `measure` of params.yaml.
    """
    size, prompts = settings["input_size"], settings["prompts"]
    names, relevant = relevance(folder, split)
    words = embed(text, [filled for name in names for filled in fill_prompts(prompts, name)])
    classes = embed(text, class_definitions())
    mean = classes.mean(0)
    projection = text_projection(mean, classes - mean)
    concepts = projection @ (classes - mean).T
    ours: list[Features] = []
    plain: list[Features] = []
    files = image_files(folder, split)
    for start in range(0, len(files), BATCH):
        pictures = np.stack([squared(open_image(file), size).numpy() for file in files[start : start + BATCH]])
        with autocast(CPU):
            stem = model.stem(to_input(pictures))
            ours.append(each_its_way(stem, model.is_drawn(stem), BATCH, model.read))
            cells = model.photo.cells(stem)
            logits = model.classifier(torch.cat([cells, cells.mean(1, keepdim=True)], 1))
        joint = logits.float().softmax(-1) @ concepts.T
        dense = joint[:, :-1]
        plain.append(Features(dense, dense, normalize(joint[:, -1], dim=-1), dense[:, :0]))
    method = TrainingFree((size // model.stride,) * 2, settings["clusters"], settings["pool"])

    def figures(features: list[Features], queries: Tensor) -> dict[str, float]:
        texts = normalize(normalize(queries, dim=-1).view(len(names), len(prompts), -1).mean(1), dim=-1)
        found = method.scores(Features.joined(features), texts, METHODS.values())
        return {
            name: round(float(100 * np.nanmean(average_precisions(found[of].numpy(), relevant, 50))), 1)
            for name, of in METHODS.items()
        }

    return {
        "real_photos": figures(ours, model.text(words)),
        "real_photos by plain ConSE": figures(plain, words @ projection.T),
        "real_photos of": {"folder": folder.name, "split": split, "images": len(files), "names": len(names)},
    }
