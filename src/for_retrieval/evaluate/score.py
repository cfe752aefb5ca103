"""Scores of every method on one split, and their rows of the comparison: the stage `evaluate`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from for_retrieval.evaluate.gallery import in_one_ranking
from for_retrieval.evaluate.localisation import Truth, located
from for_retrieval.evaluate.measure import Method, Rows, head_scores, measure
from for_retrieval.evaluate.queries import query_sets
from for_retrieval.model.model import Model, head_path
from for_retrieval.project import Project
from for_retrieval.records.records import Records

BASELINES = ("clip", "dense-clip", "cluster-clip", "ensemble")


@dataclass(frozen=True)
class Evaluation:
    """All that was measured on a split, as JSON: see `Measured.rows`, `located`, `Measured.categories`, gallery.py."""

    rows: Rows = field(default_factory=list)
    boxes: Rows = field(default_factory=list)
    categories: Rows = field(default_factory=list)
    training: Rows = field(default_factory=list)


def evaluate(project: Project, records: Records, model: Model, split: str) -> Evaluation:
    """All methods and all trained heads on `split` with the tower of `model`; exact, without an index.

    Without annotated objects there is nothing to measure, and no rows. ForError if a head is missing.
    """
    params, found = project.params, Evaluation()
    ids, features = model.split(records, split, project.cache)
    sets = query_sets(records, ids, params.evaluate.small)
    if not sets:
        return found
    texts = model.text([text for one in sets for text in one.texts])

    def add(table: Tensor, method: Method) -> None:
        for queries, own in zip(sets, torch.split(table, [len(one.texts) for one in sets], dim=1), strict=True):
            result = measure(own, queries, params)
            rows = result.rows(records.info.name, method)
            found.rows.extend({**row, "gallery": split, "seen": False} for row in rows)
            found.categories.extend(result.categories(method) if queries.name == "names" else [])

    for name, table in model.training_free.scores(features, texts, BASELINES).items():
        add(table, Method(name, 0, params.seed, "none"))
    truth = Truth(records, ids)
    for run, settings in params.train.runs.items():
        for seed in settings.seeds:
            trained = model.with_head(head_path(project.heads, run, seed))
            table = head_scores(trained.head, features, texts)
            method = "-without-".join(["for", *settings.without])
            add(table, Method(method, settings.fraction, seed, settings.vocabulary))
            if sets[0].name == "names":  # the first; one category each, so that its boxes are known
                own = slice(len(sets[0].texts))
                shares = located(trained, features, truth, sets[0], texts[own], table[:, own], params.evaluate.k)
                about = {"benchmark": records.info.name, "run": run, "seed": seed}
                found.boxes.extend({**about, **share} for share in shares)
    rows, training = in_one_ranking(project, records, model)
    return replace(found, rows=found.rows + rows, training=training)
