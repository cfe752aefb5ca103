"""Objective `localise`: queries are matched with annotated objects and learn what and where these are."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import cross_entropy, l1_loss
from torchvision.ops import box_convert, generalized_box_iou, generalized_box_iou_loss

from for_retrieval.model.sum_clip import Summary
from for_retrieval.params import Localise
from for_retrieval.train.lesson import Batch, Objects


def loss(batch: Batch, settings: Localise) -> Tensor:
    """Matched queries are pulled to their object's text and box, and their attention into the box.

    Matching is Hungarian, by text cosine and box cost; the box loss is L1 and generalised IoU (Carion et al.,
    "End-to-End Object Detection with Transformers", 2020); the text loss is a cross-entropy of cosines / temperature
    over the base categories; the attention loss is ``-log`` of the attention on cells that the box touches.
    All are means over the matched pairs; 0 where no image has an object.
    """
    summary, texts, objects = batch.summary, batch.lesson.base_texts, batch.objects()
    image, query, place = match(summary, texts, objects, settings)
    if not len(image):
        return summary.regions.new_zeros(()).requires_grad_()
    boxes, truth = summary.boxes[image, query], objects.boxes[image, place]
    cosines = summary.regions[image, query] @ texts.T
    text = cross_entropy(cosines / settings.temperature, objects.category[image, place])
    shape = generalized_box_iou_loss(corners(boxes), corners(truth), reduction="mean")
    inside = (summary.attention[image, query] * touched(truth, batch.lesson.grid)).sum(-1)
    look = -inside.clamp(min=1e-6).log().mean()
    total: Tensor = (
        settings.text * text + settings.l1 * l1_loss(boxes, truth) + settings.giou * shape + settings.look * look
    )
    return total


@torch.no_grad()
def match(summary: Summary, texts: Tensor, objects: Objects, settings: Localise) -> tuple[Tensor, Tensor, Tensor]:
    """The pairs of least cost in every image, as positions of image, query and object; as many as there can be."""
    images, queries, places = [], [], []
    cosines = summary.regions @ texts.T  # [B, K, T]
    for row, (category, truth) in enumerate(zip(objects.category, objects.boxes, strict=True)):
        there = (category >= 0).nonzero().flatten()
        if len(there):
            boxes, wanted = summary.boxes[row], truth[there]
            cost = settings.l1 / 4 * torch.cdist(boxes, wanted, p=1) - settings.giou * generalized_box_iou(
                corners(boxes), corners(wanted)
            )
            cost = cost - settings.matching * cosines[row][:, category[there]]
            one, other = linear_sum_assignment(cost.cpu().numpy())
            images += [row] * len(one)
            queries += one.tolist()
            places += there.cpu()[torch.from_numpy(other)].tolist()
    device = summary.regions.device
    return tuple(torch.tensor(found, dtype=torch.long, device=device) for found in (images, queries, places))  # type: ignore[return-value]


def corners(boxes: Tensor) -> Tensor:
    """[..., 4] centre and size -> left, top, right, bottom."""
    out: Tensor = box_convert(boxes, "cxcywh", "xyxy")
    return out


def touched(boxes: Tensor, grid: tuple[int, int]) -> Tensor:
    """[P, N] 1 for the cells of which a box covers some part, else 0."""
    left, top, right, bottom = corners(boxes).clamp(0, 1).unsqueeze(2).unbind(1)  # [P, 1] each
    rows, columns = (torch.arange(side, device=boxes.device) for side in grid)
    down = ((rows + 1) / grid[0] > top) & (rows / grid[0] < bottom)
    across = ((columns + 1) / grid[1] > left) & (columns / grid[1] < right)
    return (down.unsqueeze(2) & across.unsqueeze(1)).flatten(1).to(boxes.dtype)
