"""Before any training the head is worth what the tower's own cells are worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from for_retrieval.evaluate.measure import head_scores
from for_retrieval.evaluate.metric import average_precisions
from for_retrieval.evaluate.queries import query_sets
from for_retrieval.model.model import Model
from for_retrieval.project import Project
from for_retrieval.records.records import load_records

CPU = torch.device("cpu")


def test_an_untrained_head_is_within_three_points_of_dense_clip(project: Path) -> None:
    here = Project(project)
    params, records = here.params, load_records(here.prepared)
    model = Model.new(params, project, CPU)
    for split in ("train", "test"):
        ids, features = model.split(records, split, here.cache)
        names = query_sets(records, ids, params.evaluate.small, only=("names",))[0]
        texts = model.text(names.texts)
        dense = model.training_free.scores(features, texts, ("dense-clip",))["dense-clip"]
        for seed in (0, 1):
            head = head_scores(model.untrained(seed).head.eval(), features, texts)
            found, wanted = (
                100 * float(np.mean(average_precisions(table.numpy(), names.relevant, params.evaluate.k)))
                for table in (head, dense)
            )
            assert wanted > 40  # it is worth something
            assert found > wanted - 3, (split, seed, found, wanted)
