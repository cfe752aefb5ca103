"""How many boxes a result should have: of those beside the first, how many are right, by margin and overlap.

python -m benchmarks.several_boxes --project .     # on the val images of a project whose model is trained
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torchvision.ops import box_iou

from for_retrieval.evaluate.localisation import Truth
from for_retrieval.evaluate.measure import head_scores
from for_retrieval.evaluate.metric import rank
from for_retrieval.evaluate.queries import query_sets
from for_retrieval.model import where
from for_retrieval.model.box_net import corners
from for_retrieval.model.features import CPU
from for_retrieval.model.model import Model, head_path
from for_retrieval.project import Project
from for_retrieval.records.records import load_records

FIRST = 20  # results of a name
CHOICES = [(margin, overlap) for margin in (0.01, 0.02, 0.03, 0.05) for overlap in (0.1, 0.25, 0.5)]


def matched(boxes: torch.Tensor, wanted: torch.Tensor) -> list[bool]:
    """Which of the boxes [k, 4] overlap by half a thing [m, 4] that no box before them does; corners."""
    overlap, right = box_iou(boxes, wanted), []
    for row in overlap:
        best = int(row.argmax())
        right.append(bool(row[best] >= 0.5))
        if right[-1]:
            overlap[:, best] = 0
    return right


def main() -> None:
    """Measure every choice on the true results of all names, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="with trained heads")
    project = Project(parser.parse_args().project.resolve())
    params, records = project.params, load_records(project.prepared)
    head = head_path(project.heads, params.index.run, params.train.runs[params.index.run].seeds[0])
    model = Model.new(params, project.root, CPU).with_head(head)
    ids, features = model.split(records, "val", project.cache)
    names = next(one for one in query_sets(records, ids, params.evaluate.small) if one.name == "names")
    texts, truth, found = model.text(names.texts), Truth(records, ids), model.regions(features)
    scores = head_scores(model.head, features, texts).numpy()
    results = [(i, t) for t in range(len(texts)) for i in rank(scores[:, t])[:FIRST] if names.relevant[i, t]]
    table = Table("margin", "overlap", "results", "boxes beside the first", "of these right, %", "things found, %")
    for margin, overlap in CHOICES:
        where.MARGIN, where.OVERLAP = margin, overlap
        beside, things = list[bool](), list[int]()
        first = 0
        for image, query in results:
            cosines, boxes = found.regions[image] @ texts[query], corners(found.boxes[image])
            sides = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
            shown = where.all_shown(cosines.numpy(), found.objectness[image].numpy(), sides.numpy())
            wanted = truth.boxes(image, names.texts[query])
            one, *others = matched(boxes[shown], wanted)
            first += one
            beside += others
            things.append(len(wanted))
        right, share = sum(beside), 100 * (first + sum(beside)) / sum(things)
        cells = (len(results), len(beside), f"{100 * right / max(1, len(beside)):.1f}", f"{share:.1f}")
        table.add_row(str(margin), str(overlap), *map(str, cells))
    Console().print(table)


if __name__ == "__main__":
    main()
