"""Scores of every method on one split, and their rows of the comparison: the stage `evaluate`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from for_retrieval.data.records import Records
from for_retrieval.evaluate.localisation import Located, located, object_boxes
from for_retrieval.evaluate.metric import average_precisions, rare_average_precisions, unjudged_last
from for_retrieval.evaluate.queries import QuerySet, query_sets
from for_retrieval.model.encode import chunks, load_split
from for_retrieval.model.representations import scores
from for_retrieval.model.sum_clip import SumClip, summarise
from for_retrieval.model.tower import Features, Tower, prompted
from for_retrieval.model.training_free import BATCH, training_free_scores
from for_retrieval.params import Params
from for_retrieval.train.checkpoints import head_path, load_head
from for_retrieval.train.run import new_head

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


@torch.inference_mode()
def head_scores(head: SumClip, features: Features, texts: Tensor) -> Tensor:
    """Scores [n, T] of a SUM-CLIP head."""
    return torch.cat([scores(summarise(head, part).regions, texts) for part in chunks(features, BATCH, texts.device)])


def rows_of(
    table: Tensor,
    sets: list[QuerySet],
    params: Params,
    benchmark: str,
    method: str,
    fraction: float,
    seed: int,
    vocabulary: str,
) -> list[Row]:
    """The rows of one method: `table` [n, all queries] holds the scores of the sets side by side."""
    values = table.cpu().numpy()
    settings, rows, start = params.evaluate, [], 0
    for query_set in sets:
        stop = start + len(query_set.texts)
        part = unjudged_last(values[:, start:stop], query_set.judged)
        plain = average_precisions(part, query_set.relevant, settings.k)
        rare = rare_average_precisions(part, query_set.relevant, settings.k, settings.rare, settings.draws, params.seed)
        for subset, members in query_set.subsets.items():
            if len(members):
                means = [round(100 * float(np.mean(ap[members])), 2) for ap in (plain, rare)]
                rows.append(
                    Row(
                        benchmark,
                        query_set.name,
                        method,
                        fraction,
                        seed,
                        subset,
                        vocabulary,
                        len(members),
                        *means,
                    )
                )
        start = stop
    return rows


def evaluate(
    records: Records, tower: Tower, params: Params, heads: Path, cache: Path, device: torch.device, split: str
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """All methods and all trained heads on `split`; exact, without an index.

    Returns:
        A `Row` for each method and head, and a `Located` for each head. Without annotated objects there is nothing
        to measure, and no rows.

    Raises:
        ForError: a head is missing.
    """
    ids, features = load_split(records, tower, cache, split)
    sets = query_sets(records, ids, params.evaluate.small)
    if not sets:
        return [], []
    texts = prompted(tower, [t for s in sets for t in s.texts], params.model.prompts).to(device)
    name = records.info.name
    rows: list[Row] = []
    untrained = training_free_scores(features, texts, tower.grid, params.model.clusters, params.model.pool, BASELINES)
    for method in BASELINES:
        rows += rows_of(untrained[method], sets, params, name, method, 0, params.seed, "none")
    boxes, found = object_boxes(records), []
    asked = [s for s in sets if s.name == "names"]  # each asks for one category, so that its boxes can be told
    for run, settings in params.train.runs.items():
        for seed in settings.seeds:
            head = load_head(head_path(heads, run, seed), new_head(params, tower, seed, device))
            table = head_scores(head, features, texts)
            method = "-without-".join(["for", *settings.without])
            rows += rows_of(table, sets, params, name, method, settings.fraction, seed, settings.vocabulary)
            for names in asked:
                values = table[:, : len(names.texts)].cpu().numpy()
                own = texts[: len(names.texts)]
                shares = located(head, features, own, values, names, ids, boxes, tower.grid, params.evaluate.k)
                found += [Located(run, seed, subset, *share) for subset, share in shares.items()]
    return [asdict(row) for row in rows], [asdict(row) for row in found]
