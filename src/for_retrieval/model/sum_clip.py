"""SUM-CLIP: the image as K regions, each summarised in one embedding of the joint space.

The box net proposes where to look (model/box_net.py). Every map of the tower is pooled around each box, once within it
and once with its surroundings. The embedding begins as the mean of the two pooled dense embeddings: before training, a
mixture of what the tower itself says. All that is learned enters through a branch whose last layer starts at zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from for_retrieval.model.box_net import BoxNet, propose, windows
from for_retrieval.model.features import Cells, Features, Layout
from for_retrieval.params import Head

# Standard deviation of a pool: a share of the box's side, at least so many fine cells. For the thing, then around it.
SCALES = ((0.3, 0.625), (0.8, 1.25))
GEOMETRY = 6  # of a box: centre, sides and their logarithms


@dataclass(frozen=True)
class Looked:
    """What a head embeds, for the K regions of B images."""

    inputs: Tensor  # [B, K, I], the maps pooled at each box
    boxes: Tensor  # [B, K, 4] as centre x, centre y, width, height, in sides of the image
    objectness: Tensor  # [B, K], the logarithm of how likely a box holds a thing

    def rows(self, index: Tensor, device: torch.device) -> Looked:
        """The images at `index`, in float32 on `device`."""
        parts = (self.inputs, self.boxes, self.objectness)
        return Looked(*(part[index].to(device, torch.float32) for part in parts))


@dataclass(frozen=True)
class Summary:
    """E [B, K, D], L2-normalised, with the boxes [B, K, 4] and objectness [B, K] of `Looked`."""

    regions: Tensor
    boxes: Tensor
    objectness: Tensor


def pool_weights(boxes: Tensor, cells: Cells, spread: float, least: Tensor) -> Tensor:
    """[B, K, N]: a Gaussian at each box [B, K, 4] (centre and size) over the cells; rows sum to 1.

    spread: standard deviation / side of the box. least: [2], its minimum in x and y, in sides of the image.
    """
    centres = cells.centres(boxes.device)
    sigma = torch.maximum(spread * boxes[..., 2:], least)
    distance = (centres - boxes[..., None, :2]) / sigma.unsqueeze(2)
    return (-0.5 * distance.square().sum(-1)).softmax(-1)


class SumClip(nn.Module):
    """Features of B images -> the embeddings and boxes of their K regions."""

    def __init__(self, params: Head, layout: Layout) -> None:
        super().__init__()
        self.layout, self.proposals = layout, params.proposals
        self.box_net = BoxNet(params.box_net, layout.fine)
        sources = (layout.dim, *layout.coarse.dims, *layout.fine.dims)
        self.sizes = (*sources, *sources, params.box_net.width)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in self.sizes)
        self.first = nn.Linear(sum(self.sizes) + GEOMETRY, params.width)
        self.norm, self.second = nn.LayerNorm(params.width), nn.Linear(params.width, params.width)
        self.last = nn.Linear(params.width, layout.dim)
        self.dropout = nn.Dropout(params.dropout)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def look(self, features: Features) -> Looked:
        """Find the boxes and pool all maps around them; float32, on the features' device."""
        boxes, logits, hidden = self.box_net(features.fine)
        with torch.autocast(boxes.device.type, enabled=False):  # what is stored and compared keeps full precision
            if self.box_net.learned:
                found = propose(boxes, logits, self.layout.fine, self.proposals)
            else:
                found = windows(len(boxes), self.layout.fine, self.proposals, boxes.device)
            rows, columns = self.layout.fine.grid
            side = found.boxes.new_tensor([1 / columns, 1 / rows])
            dense, parts = normalize(features.dense, dim=-1), []
            for spread, least in SCALES:
                coarse = pool_weights(found.boxes, self.layout.coarse, spread, least * side)
                fine = pool_weights(found.boxes, self.layout.fine, spread, least * side)
                parts += [coarse @ dense, coarse @ features.patches, fine @ features.fine]
            parts.append(hidden.gather(1, found.cells.unsqueeze(2).expand(-1, -1, hidden.shape[2])))
            parts.append(torch.cat([found.boxes, found.boxes[..., 2:].log()], -1))
            inputs = torch.cat(parts, -1)
        return Looked(inputs, found.boxes, nn.functional.logsigmoid(found.objectness))

    def embed(self, looked: Looked) -> Summary:
        """The embeddings of regions that were looked at."""
        *parts, geometry = torch.split(looked.inputs, [*self.sizes, GEOMETRY], dim=-1)
        start = (parts[0] + parts[len(self.sizes) // 2]) / 2
        x = torch.cat([*(norm(part) for norm, part in zip(self.norms, parts, strict=True)), geometry], -1)
        x = self.dropout(gelu(self.first(x)))
        x = self.dropout(x + gelu(self.second(self.norm(x))))
        return Summary(normalize(start + self.last(x).float(), dim=-1), looked.boxes, looked.objectness)

    def forward(self, features: Features) -> Summary:
        """Look, and embed."""
        return self.embed(self.look(features))


def summarise(head: nn.Module, features: Features) -> Summary:
    """Run the head, with its linear layers in bfloat16 on CUDA: the one way for training, evaluation and the index."""
    device = features.dense.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        summary: Summary = head(features)
    return summary
