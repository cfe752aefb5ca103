"""What a head scores on the validation split, category by category: for choices, records and the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from for_retrieval.evaluate.metric import average_precisions, rare_average_precisions, unjudged_last
from for_retrieval.evaluate.queries import QuerySet, query_sets
from for_retrieval.evaluate.score import head_scores
from for_retrieval.model.features import Features
from for_retrieval.model.model import Model
from for_retrieval.params import Params
from for_retrieval.records.records import Records

DECIMALS = 4


@dataclass(frozen=True)
class ByCategory:
    """AP@50 (`plain`) and AP@50 r40 (`rare`) of each query of the set `names`, 0 to 100.

    relevant: images that show it. subsets: name -> positions of the queries that belong to it.
    """

    texts: list[str]
    relevant: list[int]
    subsets: dict[str, NDArray[np.intp]]
    plain: NDArray[np.float64]
    rare: NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        """``{metrics: {subset: {map50, map50_r40, categories}}, categories: {name: {ap50, ap50_r40, ...}}}``."""
        metrics = {
            subset: {
                "map50": _rounded(self.plain[members].mean()),
                "map50_r40": _rounded(self.rare[members].mean()),
                "categories": len(members),
            }
            for subset, members in self.subsets.items()
            if len(members)
        }
        categories = {
            text: {
                "ap50": _rounded(self.plain[n]),
                "ap50_r40": _rounded(self.rare[n]),
                "relevant": self.relevant[n],
                "subsets": [s for s, members in self.subsets.items() if s != "all" and n in members],
            }
            for n, text in enumerate(self.texts)
        }
        return {"metrics": metrics, "categories": categories}


def names_of(records: Records, image_ids: list[str], small: float) -> QuerySet | None:
    """The category names that these images show; None where nothing is labelled."""
    return next(iter(query_sets(records, image_ids, small, only=("names",))), None)


def by_category(model: Model, features: Features, queries: QuerySet, params: Params) -> ByCategory:
    """Measure `model` on the images of `features` [n], of which `queries` ask."""
    limits, relevant = params.evaluate, queries.relevant
    table = head_scores(model.head, features, model.text(queries.texts))
    values = unjudged_last(table.cpu().numpy(), queries.judged)
    plain = average_precisions(values, relevant, limits.k)
    rare = rare_average_precisions(values, relevant, limits.k, limits.rare, limits.draws, params.seed)
    counts = [int(count) for count in relevant.sum(0)]
    return ByCategory(queries.texts, counts, queries.subsets, 100 * plain, 100 * rare)


def validate(
    models: Mapping[str, Model], features: Features, queries: QuerySet | None, params: Params
) -> dict[str, Any]:
    """val.json of a run: what each of its models (by training seed) scores; empty where nothing is labelled."""
    limits = params.evaluate
    about = {"query_set": "names", "split": "val", "images": len(features.dense), "k": limits.k, "rare": limits.rare}
    if queries is None:
        return {**about, "seeds": {name: {"metrics": {}, "categories": {}} for name in models}}
    scores = {name: by_category(model, features, queries, params).to_json() for name, model in models.items()}
    return {**about, "seeds": scores}


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)
