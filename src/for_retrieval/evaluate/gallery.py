"""One ranking of all images: of those that a head has learned from, and of those that it sees for the first time.

A user searches both at once, so what was learned by heart must not come first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from for_retrieval.evaluate.measure import Method, Rows, head_scores, measure, names_of
from for_retrieval.evaluate.metric import rank
from for_retrieval.evaluate.queries import QuerySet
from for_retrieval.model.model import SPLITS, Model, head_path
from for_retrieval.model.training_free import ENSEMBLE, ensemble_scores
from for_retrieval.project import Project
from for_retrieval.records.records import Records

FIRST = 10  # results that a user looks at
AT_ONCE = 2048  # images whose features are in memory; all of a large gallery would not fit


def in_one_ranking(project: Project, records: Records, model: Model) -> tuple[Rows, Rows]:
    """Names asked of train, val and test together: the ensemble without training, and the run that serves.

    Returns rows as those of one split, with ``gallery: all`` and ``seen``; relevant images of the other kind are left
    out of the ranking, irrelevant ones of both stay in it. And for each subset the means over its names of two shares
    (0 to 100) of training images: among the first results, and among the relevant images.
    """
    params, run = project.params, project.params.index.run
    images = records.images[records.images["split"].isin(SPLITS)]
    names = names_of(records, images["image_id"].tolist(), params.evaluate.small)
    if names is None or not (images["split"] == "train").any():
        return [], []
    texts, settings = model.text(names.texts), params.train.run(run)
    trained = model.with_head(head_path(project.heads, run, settings.seeds[0]))
    parts: dict[str, list[Tensor]] = {name: [] for name in (*ENSEMBLE, "for")}
    store, hashes = model.store(project.cache), images["hash"].tolist()
    for start in range(0, len(hashes), AT_ONCE):
        features = store.load(hashes[start : start + AT_ONCE])
        found = model.training_free.scores(features, texts, ENSEMBLE)
        for name, table in {**found, "for": head_scores(trained.head, features, texts)}.items():
            parts[name].append(table)
    scores = {name: torch.cat(tables) for name, tables in parts.items()}
    tables = {
        Method("ensemble", 0, params.seed, "none"): ensemble_scores(*(scores[name] for name in ENSEMBLE)),
        Method("for", settings.fraction, settings.seeds[0], settings.vocabulary): scores["for"],
    }
    train = (images["split"] == "train").to_numpy()
    rows, shares = Rows(), Rows()
    for method, table in tables.items():
        for seen in (True, False):
            asked, columns = only(names, train if seen else ~train)
            result = measure(table[:, columns], asked, params)
            rows += [{**row, "gallery": "all", "seen": seen} for row in result.rows(records.info.name, method)]
        about = {"benchmark": records.info.name, "method": method.method, "seed": method.seed}
        own = training_shares(table.cpu().numpy(), names, train)
        shares += [{**about, "subset": subset, **values} for subset, values in own.items()]
    return rows, shares


def only(queries: QuerySet, kind: NDArray[np.bool_]) -> tuple[QuerySet, NDArray[np.intp]]:
    """`queries` with relevant images of one `kind` [n], and which they are; those of the other are not judged."""
    mine = queries.relevant & kind[:, None]
    judged = (np.ones_like(mine) if queries.judged is None else queries.judged) & ~(queries.relevant & ~kind[:, None])
    there = np.flatnonzero(mine.any(0))
    subsets = {name: np.flatnonzero(np.isin(there, members)) for name, members in queries.subsets.items()}
    texts = [queries.texts[column] for column in there]
    asked = replace(queries, texts=texts, relevant=mine[:, there], judged=judged[:, there], subsets=subsets)
    return asked, there


def training_shares(
    scores: NDArray[np.float32], queries: QuerySet, train: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    """Subset -> ``{first: ..., relevant: ...}``, means over its queries of the shares of training images (0 to 100)."""
    first = np.array([train[rank(scores[:, q])[:FIRST]].mean() for q in range(scores.shape[1])])
    relevant = np.array([train[queries.relevant[:, q]].mean() for q in range(scores.shape[1])])
    shares = {"first": first, "relevant": relevant}
    subsets = {subset: members for subset, members in queries.subsets.items() if len(members)}
    return {
        subset: {name: round(100 * float(values[members].mean()), 2) for name, values in shares.items()}
        for subset, members in subsets.items()
    }
