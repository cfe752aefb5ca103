"""Before any training the head is worth what the tower's own cells are worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from for_retrieval.evaluate.metric import average_precisions
from for_retrieval.evaluate.queries import query_sets
from for_retrieval.evaluate.score import head_scores
from for_retrieval.model.encode import load_split
from for_retrieval.model.tower import load_tower, prompted
from for_retrieval.model.training_free import training_free_scores
from for_retrieval.project import Project
from for_retrieval.records.records import load_records
from for_retrieval.train.run import new_head

CPU = torch.device("cpu")


def test_an_untrained_head_is_within_three_points_of_dense_clip(project: Path) -> None:
    here = Project(project)
    params, records = here.params, load_records(here.prepared)
    tower = load_tower(params.model, CPU, project)
    for split in ("train", "test"):
        ids, features = load_split(records, tower, here.cache, split)
        names = query_sets(records, ids, params.evaluate.small, only=("names",))[0]
        texts = prompted(tower, names.texts, params.model.prompts)
        dense = training_free_scores(features, texts, tower.grid, 10, 4, ("dense-clip",))["dense-clip"]
        for seed in (0, 1):
            head = head_scores(new_head(params, tower, seed, CPU).eval(), features, texts)
            found, wanted = (
                100 * float(np.mean(average_precisions(table.numpy(), names.relevant, params.evaluate.k)))
                for table in (head, dense)
            )
            assert wanted > 40  # it is worth something
            assert found > wanted - 3, (split, seed, found, wanted)
