"""The box net's training: who learns which object, the losses, and that boxes get better."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from for_retrieval.model.box_net import BoxNet, overlaps, propose
from for_retrieval.model.features import Cells
from for_retrieval.params import BoxNet as BoxNetParams
from for_retrieval.train.box_training import assigned, box_losses
from for_retrieval.train.lesson import Objects

CELLS = Cells((8, 8), (6,))


def objects(*boxes: tuple[float, float, float, float]) -> Objects:
    """One image with these boxes, all of category 0."""
    return Objects(torch.zeros(1, len(boxes), dtype=torch.long), torch.tensor([boxes]))


def naive(them: Objects) -> dict[int, int]:
    """Cell -> object, cell by cell."""
    out = {}
    for cell in range(64):
        row, column = divmod(cell, 8)
        found = []
        for place, (x, y, w, h) in enumerate((8 * them.boxes[0]).tolist()):
            reach = min(1.5, max(0.51, 0.3 * (w * h) ** 0.5))
            distance = max(abs(column + 0.5 - x), abs(row + 0.5 - y)) / reach
            if them.category[0, place] >= 0 and distance <= 1:
                found.append((distance, place))
        if found:
            out[cell] = min(found)[1]
    return out


@pytest.mark.parametrize("seed", range(6))
def test_a_cell_learns_the_object_whose_middle_it_is_nearest_to(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    boxes = torch.cat([torch.rand(1, 5, 2, generator=generator), 0.6 * torch.rand(1, 5, 2, generator=generator)], -1)
    them = Objects(torch.tensor([[0, 1, -1, 2, 0]]), boxes)
    place, weight = assigned(them, CELLS)
    expected = naive(them)
    assert weight[0].nonzero().flatten().tolist() == sorted(expected)
    assert {cell: int(place[0, cell]) for cell in expected} == expected
    for one in set(expected.values()):
        mine = [cell for cell, other in expected.items() if other == one]
        assert float(weight[0, mine].sum()) == pytest.approx(1)


def test_every_object_is_learned_however_small() -> None:
    them = objects((0.3, 0.3, 0.01, 0.01), (0.99, 0.99, 0.02, 0.02))
    place, weight = assigned(them, CELLS)
    assert set(place[weight > 0].tolist()) == {0, 1}


@pytest.mark.parametrize("count", [0, 2])
def test_without_objects_all_cells_learn_to_be_empty(count: int) -> None:
    torch.manual_seed(0)
    net = BoxNet(BoxNetParams(width=16, blocks=1), CELLS)
    nothing = Objects(torch.full((2, count), -1), torch.zeros(2, count, 4))
    boxes, logits, _ = net(torch.randn(2, 64, 6))
    losses = box_losses(boxes, logits, nothing, CELLS)
    assert losses["box"].item() == 0
    torch.stack(list(losses.values())).sum().backward()
    assert net.outward.bias.grad[4] > 0
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def pictures(count: int) -> tuple[Tensor, Objects]:
    """Fine maps that show where a thing's middle and sides are, and the things."""
    generator = torch.Generator().manual_seed(3)
    boxes = torch.cat(
        [
            0.2 + 0.6 * torch.rand(count, 1, 2, generator=generator),
            0.1 + 0.3 * torch.rand(count, 1, 2, generator=generator),
        ],
        -1,
    )
    fine = 0.1 * torch.randn(count, 64, 6, generator=generator)
    near = torch.exp(-40 * (CELLS.centres()[None] - boxes[..., :2]).square().sum(-1))
    fine[..., 0] += 3 * near
    fine[..., 1:5] += near.unsqueeze(2) * boxes * 5
    return fine, Objects(torch.zeros(count, 1, dtype=torch.long), boxes)


def test_boxes_get_better() -> None:
    torch.manual_seed(0)
    net, (fine, them) = BoxNet(BoxNetParams(width=32, blocks=1), CELLS), pictures(48)

    def first() -> float:
        with torch.no_grad():
            boxes, logits, _ = net(fine)
        return float(overlaps(propose(boxes, logits, CELLS, 1).boxes[:, :1], them.boxes).mean())

    before, optimiser = first(), torch.optim.AdamW(net.parameters(), lr=0.005)
    for _ in range(60):
        optimiser.zero_grad()
        boxes, logits, _ = net(fine)
        torch.stack(list(box_losses(boxes, logits, them, CELLS).values())).sum().backward()
        optimiser.step()
    assert first() > max(0.5, before + 0.3)
