"""Scores of every method on one split, and their rows of the comparison: the stage `evaluate`."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from for_retrieval.evaluate.localisation import Asked, Located, Truth, located
from for_retrieval.evaluate.metric import average_precisions, rare_average_precisions, unjudged_last
from for_retrieval.evaluate.queries import QuerySet, query_sets
from for_retrieval.model.features import Features
from for_retrieval.model.model import Model, head_path
from for_retrieval.model.sum_clip import SumClip, summarise
from for_retrieval.model.training_free import scores
from for_retrieval.params import Params
from for_retrieval.project import Project
from for_retrieval.records.records import Records

BASELINES = ("clip", "dense-clip", "cluster-clip", "ensemble")


@dataclass(frozen=True)
class Row:
    """One row of reports/compare.json; scores 0 to 100."""

    benchmark: str
    query_set: str
    method: str
    label_fraction: float
    seed: int
    subset: str
    vocabulary: str
    n_categories: int
    map50: float
    map50_r40: float


@dataclass(frozen=True)
class CategoryRow:
    """What one method scores when one category is asked for by its name, 0 to 100; relevant: images that show it."""

    category: str
    subset: str
    relevant: int
    method: str
    label_fraction: float
    seed: int
    vocabulary: str
    ap50: float
    ap50_r40: float


@dataclass(frozen=True)
class Measured:
    """A query set, with AP@50 (`plain`) and AP@50 r40 (`rare`) [T] of its queries, 0 to 100."""

    queries: QuerySet
    plain: NDArray[np.float64]
    rare: NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """All that was measured on a split, as JSON: `Row`, `Located` and `CategoryRow`."""

    rows: list[dict[str, object]]
    boxes: list[dict[str, object]]
    categories: list[dict[str, object]]


@torch.inference_mode()
def head_scores(head: SumClip, features: Features, texts: Tensor) -> Tensor:
    """Scores [n, T] of a SUM-CLIP head."""
    return torch.cat([scores(summarise(head, part).regions, texts) for part in features.chunks(texts.device)])


def measured(table: Tensor, sets: list[QuerySet], params: Params) -> list[Measured]:
    """Measure one method: `table` [n, all queries] holds the scores of the sets side by side."""
    values, settings, found, start = table.cpu().numpy(), params.evaluate, [], 0
    for query_set in sets:
        stop = start + len(query_set.texts)
        part = unjudged_last(values[:, start:stop], query_set.judged)
        plain = average_precisions(part, query_set.relevant, settings.k)
        rare = rare_average_precisions(part, query_set.relevant, settings.k, settings.rare, settings.draws, params.seed)
        found.append(Measured(query_set, 100 * plain, 100 * rare))
        start = stop
    return found


def rows_of(
    found: list[Measured], benchmark: str, method: str, fraction: float, seed: int, vocabulary: str
) -> list[Row]:
    """The means of one method over each subset of each set."""
    return [
        Row(
            benchmark,
            one.queries.name,
            method,
            fraction,
            seed,
            subset,
            vocabulary,
            len(members),
            *(round(float(np.mean(ap[members])), 2) for ap in (one.plain, one.rare)),
        )
        for one in found
        for subset, members in one.queries.subsets.items()
        if len(members)
    ]


def category_rows(found: list[Measured], method: str, fraction: float, seed: int, vocabulary: str) -> list[CategoryRow]:
    """Each name by itself, base and novel ones."""
    return [
        CategoryRow(
            one.queries.texts[n],
            subset,
            int(one.queries.relevant[:, n].sum()),
            method,
            fraction,
            seed,
            vocabulary,
            *(round(float(ap[n]), 2) for ap in (one.plain, one.rare)),
        )
        for one in found
        if one.queries.name == "names"
        for subset in ("base", "novel")
        for n in one.queries.subsets[subset]
    ]


def evaluate(project: Project, records: Records, model: Model, split: str) -> Evaluation:
    """All methods and all trained heads on `split`; exact, without an index.

    Without annotated objects there is nothing to measure, and no rows.

    Args:
        model: whose tower and settings are used; its own head is not measured.

    Raises:
        ForError: a head is missing.
    """
    params = project.params
    ids, features = model.split(records, split, project.cache)
    sets = query_sets(records, ids, params.evaluate.small)
    if not sets:
        return Evaluation([], [], [])
    texts = model.text([text for one in sets for text in one.texts])
    rows: list[Row] = []
    categories: list[CategoryRow] = []

    def add(table: Tensor, *method: *tuple[str, float, int, str]) -> None:
        found = measured(table, sets, params)
        rows.extend(rows_of(found, records.info.name, *method))
        categories.extend(category_rows(found, *method))

    untrained = model.training_free.scores(features, texts, BASELINES)
    for method in BASELINES:
        add(untrained[method], method, 0, params.seed, "none")
    truth, places = Truth(records, ids), []
    asked = [one for one in sets if one.name == "names"]  # each asks for one category, so that its boxes are known
    for run, settings in params.train.runs.items():
        for seed in settings.seeds:
            trained = model.with_head(head_path(project.heads, run, seed))
            table = head_scores(trained.head, features, texts)
            add(table, "-without-".join(["for", *settings.without]), settings.fraction, seed, settings.vocabulary)
            for names in asked:
                own = slice(0, len(names.texts))
                shares = located(trained, features, Asked(names, texts[own], table[:, own]), truth, params.evaluate.k)
                places += [Located(run, seed, subset, *share) for subset, share in shares.items()]
    return Evaluation(*([asdict(row) for row in kind] for kind in (rows, places, categories)))
