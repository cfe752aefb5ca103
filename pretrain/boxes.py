"""The box net that ships with the embedded tower: what a thing looks like, whatever it is called.

It learns from photographs with boxes of all their names, of which only those are used whose license allows derivatives;
NOTICE names them. A user's own boxes finetune it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from for_retrieval.errors import ForError
from for_retrieval.files import atomic, file_hash
from for_retrieval.model.box_net import SHIPPED, BoxNet, overlaps, propose
from for_retrieval.model.features import CPU, Tower, normalised, squared
from for_retrieval.model.parallel import Team
from for_retrieval.model.views import boxes_in, picture, view_key
from for_retrieval.train.box_training import box_losses
from for_retrieval.train.lesson import Objects
from for_retrieval.train.loop import Course, descend

DERIVATIVES = (
    "creativecommons.org/licenses/by/",
    "creativecommons.org/licenses/by-sa/",
    "/usage/",
)  # in a license's URL


@dataclass(frozen=True)
class BoxRecipe:
    """The knobs of the box net's training; pretrain/params.yaml."""

    seed: int
    views: int
    steps: int
    warmup: int
    batch: int
    rate: float
    weight_decay: float


@dataclass(frozen=True)
class Photograph:
    """A file with its content hash, who it is by, and its objects [m, 4] as centre and size in sides of the image."""

    path: Path
    content: str
    source: str
    boxes: Tensor


def open_photographs(folder: Path, split: str, *, free: bool = True) -> list[Photograph]:
    """The photographs of a COCO folder with all their boxes but crowds.

    free: only those whose license entry allows derivatives; others may be measured with, and nothing else.

    Raises:
        ForError: there is none.
    """
    coco = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    ids = set(json.loads((folder / "splits.json").read_text(encoding="utf-8"))[split])
    names = {one["id"]: one["name"] for one in coco["licenses"] if any(url in one["url"] for url in DERIVATIVES)}
    boxes: dict[int, list[list[float]]] = {}
    for one in coco["annotations"]:
        if not one.get("iscrowd"):
            boxes.setdefault(one["image_id"], []).append(one["bbox"])
    found = []
    for image in sorted(coco["images"], key=lambda one: one["id"]):
        if image["id"] in ids and image["id"] in boxes and (not free or image.get("license") in names):
            x, y, w, h = torch.tensor(boxes[image["id"]]).T
            sides = torch.tensor([image["width"], image["height"]] * 2)
            place = torch.stack([x + w / 2, y + h / 2, w, h], 1) / sides
            source = f"{image.get('flickr_url') or image['file_name']} ({names.get(image.get('license'), 'not free')})"
            path = folder / "images" / image["file_name"]
            found.append(Photograph(path, file_hash(path), source, place))
    if not found:
        raise ForError(f"{folder} has no photograph in {split} whose license allows derivatives")
    return found


def encoded(photographs: list[Photograph], tower: Tower, views: int) -> tuple[Tensor, Objects]:
    """Fine maps [n v, M, F] in half precision and objects of all views of the photographs."""
    fine, boxes = [], []
    for photograph in photographs:
        keys = [view_key(photograph.content, number) for number in range(views)]
        with Image.open(photograph.path) as file:
            image = file.convert("RGB")
        pixels = torch.stack([squared(picture(image, key), tower.input_size) for key in keys])
        fine.append(tower.features(normalised(pixels, tower)).fine.half())
        for key in keys:
            found, shown = boxes_in(photograph.boxes, key)
            boxes.append(found[shown])
    most = max(len(one) for one in boxes)
    category, place = torch.full((len(boxes), most), -1), torch.zeros(len(boxes), most, 4)
    for row, one in enumerate(boxes):
        category[row, : len(one)] = 0
        place[row, : len(one)] = one
    return torch.cat(fine), Objects(category, place)


def train_boxes(fine: Tensor, objects: Objects, tower: Tower, recipe: BoxRecipe, progress: Path) -> BoxNet:
    """The trained box net."""
    torch.manual_seed(recipe.seed)
    net, team = BoxNet(SHIPPED, tower.layout.fine), Team(CPU)
    course = Course(recipe.steps, recipe.warmup, 1.0, 100, recipe.seed, progress, "training the box net", team)
    optimizer = torch.optim.AdamW(net.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)

    def losses(step: int) -> dict[str, Tensor]:
        rows = torch.randperm(len(fine), generator=course.generator(step))[: recipe.batch]
        boxes, logits, _ = net(fine[rows].float())
        return box_losses(boxes, logits, objects.rows(rows), net.cells)

    descend(course, net, optimizer, losses)
    progress.unlink()
    return net.eval()


@torch.no_grad()
def recall(net: BoxNet, fine: Tensor, objects: Objects, count: int = 12) -> float:
    """Share (0 to 100) of the objects that one of `count` proposals and the quadrants overlaps by half."""
    hits, total = 0, 0
    for row in range(len(fine)):
        boxes, logits, _ = net(fine[row : row + 1].float())
        there = objects.category[row] >= 0
        found = overlaps(propose(boxes, logits, net.cells, count).boxes, objects.boxes[row : row + 1, there])[0].amax(0)
        hits, total = hits + int((found >= 0.5).sum()), total + int(there.sum())
    return 100 * hits / max(1, total)


def save(net: BoxNet, path: Path) -> None:
    """Write the weights in half precision."""
    state = {name: value.half().contiguous() for name, value in net.state_dict().items() if name != "learned"}
    with atomic(path) as temporary:
        save_file(state, temporary)
