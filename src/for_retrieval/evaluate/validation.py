"""What a head scores on the validation split, category by category: for choices, records and the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from for_retrieval.evaluate.metric import average_precisions, rare_average_precisions, unjudged_last
from for_retrieval.evaluate.queries import QuerySet, query_sets
from for_retrieval.evaluate.score import head_scores
from for_retrieval.model.features import Features
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.model.tower import Tower, prompted
from for_retrieval.params import Evaluate
from for_retrieval.records.records import Records

if TYPE_CHECKING:
    from torch import Tensor

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


def by_category(
    head: SumClip, features: Features, queries: QuerySet, texts: Tensor, params: Evaluate, seed: int
) -> ByCategory:
    """Measure `head` on the images of `features` [n]; `texts` [T, D] are the embedded queries, on its device."""
    values = unjudged_last(head_scores(head, features, texts).cpu().numpy(), queries.judged)
    relevant = queries.relevant
    plain = average_precisions(values, relevant, params.k)
    rare = rare_average_precisions(values, relevant, params.k, params.rare, params.draws, seed)
    counts = [int(count) for count in relevant.sum(0)]
    return ByCategory(queries.texts, counts, queries.subsets, 100 * plain, 100 * rare)


def validate_heads(
    heads: Mapping[str, SumClip],
    features: Features,
    queries: QuerySet | None,
    tower: Tower,
    prompts: list[str],
    params: Evaluate,
    seed: int,
) -> dict[str, Any]:
    """val.json of a run: what each of its heads (by training seed) scores; empty scores where nothing is labelled."""
    said = {"query_set": "names", "split": "val", "images": len(features.dense), "k": params.k, "rare": params.rare}
    if queries is None:
        return {**said, "seeds": {name: {"metrics": {}, "categories": {}} for name in heads}}
    texts = prompted(tower, queries.texts, prompts)
    scores = {name: by_category(head, features, queries, texts, params, seed) for name, head in heads.items()}
    return {**said, "seeds": {name: found.to_json() for name, found in scores.items()}}


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)
