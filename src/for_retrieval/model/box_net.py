"""The box net: where things are, of whatever category. A small detector on the tower's fine maps.

Every fine cell proposes one box, as in anchor-free detectors (Tian et al., "FCOS", 2019): the offset of the box's
centre, the logarithms of its sides, and how likely it holds a thing at all. `propose` keeps the best that do not
overlap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu
from torchvision.ops import box_convert

from for_retrieval.model.features import Cells
from for_retrieval.params import BoxNet as BoxNetParams

WEIGHTS = Path(__file__).parent / "weights" / "box_net.safetensors"  # for the embedded tower: pretrain/README.md
SHIPPED = BoxNetParams(width=128, blocks=2)
SIDES = 4.0  # a box is at most e^4 fine cells wide, and at least e^-4
FIRST_SIDE = 0.2  # logarithm of the sides, in cells, before training
FIRST_OBJECTNESS = -4.0  # logit before training: most cells hold nothing
OVERLAP = 0.5  # intersection over union above which the less likely of two proposals goes
QUADRANTS = torch.tensor([[x, y, 0.5, 0.5] for y in (0.25, 0.75) for x in (0.25, 0.75)])
# In place of proposals before the box net has learned: the whole image, its middle, and ever smaller tiles.
WINDOWS = torch.tensor(
    [[0.5, 0.5, side, side] for side in (1.0, 0.5, 0.75)]
    + [[(k + 0.5) / n, (j + 0.5) / n, 1 / n, 1 / n] for n in range(3, 9) for j in range(n) for k in range(n)]
)


def corners(boxes: Tensor) -> Tensor:
    """[..., 4] centre and size -> left, top, right, bottom."""
    out: Tensor = box_convert(boxes, "cxcywh", "xyxy")
    return out


def overlaps(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes [B, K, 4] and [B, M, 4], each as centre and size: [B, K, M]."""
    first, second = corners(one).unsqueeze(2), corners(other).unsqueeze(1)
    sides = (torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])).clamp(
        min=0
    )
    shared = sides.prod(-1)
    areas = one[..., 2:].prod(-1).unsqueeze(2) + other[..., 2:].prod(-1).unsqueeze(1)
    return shared / (areas - shared).clamp(min=1e-9)


@dataclass(frozen=True)
class Proposals:
    """K boxes of each image."""

    boxes: Tensor  # [B, K, 4] as centre x, centre y, width, height, in sides of the image
    objectness: Tensor  # [B, K], logits
    cells: Tensor  # [B, K], the fine cell that proposed each; for the quadrants, the one in their middle


class Residual(nn.Module):
    """Two of these look as far as a large thing reaches: GroupNorm, GELU, 3 x 3 convolution, added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.convolution = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """[B, W, rows, columns] -> the same."""
        return maps + self.convolution(gelu(self.norm(maps)))  # type: ignore[no-any-return]


class BoxNet(nn.Module):
    """Fine maps of B images -> a box and a logit of objectness at every cell, and the features they come from."""

    centres: Tensor
    learned: Tensor

    def __init__(self, params: BoxNetParams, fine: Cells) -> None:
        super().__init__()
        self.cells = fine
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for channels in fine.dims)
        self.inward = nn.Conv2d(sum(fine.dims), params.width, 1)
        self.blocks = nn.ModuleList(Residual(params.width) for _ in range(params.blocks))
        self.last_norm = nn.GroupNorm(8, params.width)
        self.outward = nn.Conv2d(params.width, 5, 1)
        nn.init.normal_(self.outward.weight, std=0.01)
        self.outward.bias = nn.Parameter(torch.tensor([0.0, 0.0, FIRST_SIDE, FIRST_SIDE, FIRST_OBJECTNESS]))
        self.register_buffer("centres", fine.centres(), persistent=False)
        self.register_buffer("learned", torch.tensor(False))  # saved with the weights

    def forward(self, fine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fine maps [B, M, F] -> boxes [B, M, 4] in sides of the image, logits [B, M], features [B, M, W]."""
        parts = torch.split(fine, list(self.cells.dims), dim=-1)
        z = torch.cat([norm(part) for norm, part in zip(self.norms, parts, strict=True)], -1)
        maps = self.inward(torch.unflatten(z.transpose(1, 2), 2, self.cells.grid))
        for block in self.blocks:
            maps = block(maps)
        features = gelu(self.last_norm(maps))
        out = self.outward(features).float().flatten(2).transpose(1, 2)
        rows, columns = self.cells.grid
        side = out.new_tensor([1 / columns, 1 / rows])
        boxes = torch.cat([self.centres + out[..., :2] * side, out[..., 2:4].clamp(-SIDES, SIDES).exp() * side], -1)
        return boxes, out[..., 4], features.float().flatten(2).transpose(1, 2)


def windows(images: int, cells: Cells, count: int, device: torch.device) -> Proposals:
    """The first `count` of `WINDOWS` and the quadrants, all equally likely."""
    boxes = torch.cat([WINDOWS[:count], QUADRANTS]).to(device)
    middle = torch.cdist(boxes[:, :2], cells.centres(device)).argmin(1)
    return Proposals(
        boxes.expand(images, -1, -1), torch.zeros(images, len(boxes), device=device), middle.expand(images, -1)
    )


FAR = 1e4  # beyond any logit


@torch.no_grad()
def propose(boxes: Tensor, objectness: Tensor, cells: Cells, count: int) -> Proposals:
    """The `count` likeliest boxes that do not overlap, and the four quadrants, for things that no proposal is on.

    Greedy suppression, for all images at once. Where all that is left overlaps, the likeliest of that follows, so that
    each image has equally many. A quadrant is as likely as the least likely proposal.
    boxes: [B, M, 4] as centre and size. objectness: [B, M] logits; ties go to the earlier cell.
    """
    batch = torch.arange(len(boxes), device=boxes.device).unsqueeze(1)
    left, chosen = objectness.float().clone(), []
    for _ in range(min(count, boxes.shape[1])):
        best = left.argmax(1, keepdim=True)
        chosen.append(best)
        near = overlaps(boxes[batch, best], boxes).squeeze(1) > OVERLAP
        left = torch.where(near & (left > -FAR), left - 2 * FAR, left)  # behind all the rest, in the same order
        left = left.scatter(1, best, -math.inf)
    places = torch.cat(chosen, 1)
    logits = objectness.gather(1, places)
    fixed = QUADRANTS.to(boxes)
    middle = torch.cdist(fixed[:, :2], cells.centres(boxes.device)).argmin(1)
    return Proposals(
        torch.cat([boxes[batch, places], fixed.expand(len(boxes), -1, -1)], 1),
        torch.cat([logits, logits.amin(1, keepdim=True).expand(-1, len(fixed))], 1),
        torch.cat([places, middle.expand(len(boxes), -1)], 1),
    )
