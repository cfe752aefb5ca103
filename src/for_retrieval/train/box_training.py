"""Training of the box net on the boxes of base categories, whatever they are called."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss
from torchvision.ops import generalized_box_iou_loss

from for_retrieval.model.box_net import corners
from for_retrieval.model.features import Cells
from for_retrieval.train.lesson import Objects

NEAR = (0.51, 1.5)  # fine cells from an object's centre within which a cell learns it: at least, at most
SHARE = 0.3  # of the square root of its area, between these
BETA = 0.1  # of the smooth L1 distance
BACKGROUND = 0.5  # weight of the cells that learn no object
BOX = 2.0  # weight of the loss of boxes


def assigned(objects: Objects, cells: Cells) -> tuple[Tensor, Tensor]:
    """Which object each cell learns, as its place [B, M] in the image, and with what weight [B, M]; 0 for none.

    A cell takes the object to whose centre it is nearest (Chebyshev distance, in cells, over the object's own reach),
    if it is within reach; the cells of an object share a weight of 1.
    """
    sides = objects.boxes.new_tensor([cells.grid[1], cells.grid[0]])
    centres, sizes = objects.boxes[..., :2] * sides, objects.boxes[..., 2:] * sides
    reach = (SHARE * sizes.prod(-1).sqrt()).clamp(*NEAR)  # [B, O]
    at = cells.centres(sides.device) * sides  # [M, 2]
    distance = (at[:, None] - centres[:, None]).abs().amax(-1) / reach[:, None]  # [B, M, O]
    distance = distance.masked_fill((objects.category < 0).unsqueeze(1), float("inf"))
    nearest, place = distance.min(2)
    on = nearest <= 1
    members = torch.zeros_like(reach).scatter_add_(1, place, on.to(reach.dtype))
    return place, on / members.gather(1, place).clamp(min=1)


def box_losses(boxes: Tensor, logits: Tensor, objects: Objects, cells: Cells) -> dict[str, Tensor]:
    """The losses of what the box net says of B images, boxes [B, M, 4] and logits [B, M] of the fine `cells`.

    Each is divided by the number of objects. box: generalised IoU (Rezatofighi et al., 2019) and a smooth L1 distance
    of centre and sides, each object weighing the same. objectness: binary cross-entropy; cells without an object weigh
    as much as they are wrong, as in the focal loss (Lin et al., 2017) with an exponent of 1.
    """
    truth, weight = objects.boxes.new_zeros(boxes.shape), torch.zeros_like(logits)
    if objects.category.shape[1]:
        place, weight = assigned(objects, cells)
        truth = objects.boxes.gather(1, place.unsqueeze(2).expand(-1, -1, 4))
    count = (objects.category >= 0).sum().clamp(min=1)
    on = weight > 0
    found, wanted = boxes[on], truth[on]
    overlap, (centre, size) = generalized_box_iou_loss(corners(found), corners(wanted)), (wanted[:, :2], wanted[:, 2:])
    place_loss = smooth_l1_loss(found[:, :2] / size, centre / size, beta=BETA, reduction="none")
    size_loss = smooth_l1_loss(found[:, 2:].log(), size.log(), beta=BETA, reduction="none")
    box = ((overlap + 0.5 * (place_loss.sum(1) + size_loss.sum(1))) * weight[on]).sum()
    there = binary_cross_entropy_with_logits(logits, torch.ones_like(logits), reduction="none")
    empty = binary_cross_entropy_with_logits(logits, torch.zeros_like(logits), reduction="none")
    wrong = logits.detach().sigmoid() * ~on
    objectness = (there * weight).sum() + BACKGROUND * (empty * wrong).sum()
    return {"box": BOX * box / count, "objectness": objectness / count}
