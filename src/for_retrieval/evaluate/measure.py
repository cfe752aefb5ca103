"""AP@50 of one method on one query set, and what is written of it: rows of the comparison, and val.json of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from for_retrieval.evaluate.metric import average_precisions, rare_average_precisions, unjudged_last
from for_retrieval.evaluate.queries import QuerySet, query_sets
from for_retrieval.model.features import Features
from for_retrieval.model.model import Model
from for_retrieval.model.sum_clip import SumClip, summarise
from for_retrieval.model.training_free import scores
from for_retrieval.params import Params
from for_retrieval.records.records import Records

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Method:
    """What was measured: a method's name, the labels that it had in percent, its seed, and its vocabulary."""

    method: str
    label_fraction: float
    seed: int
    vocabulary: str


@dataclass(frozen=True)
class Measured:
    """A query set, with AP@50 (`plain`) and AP@50 r40 (`rare`) [T] of its queries, 0 to 100."""

    queries: QuerySet
    plain: NDArray[np.float64]
    rare: NDArray[np.float64]

    def rows(self, benchmark: str, method: Method) -> Rows:
        """Rows of reports/compare.json: the means over each subset."""
        about = {"benchmark": benchmark, "query_set": self.queries.name, **asdict(method)}
        after = {"vocabulary": about.pop("vocabulary")}  # behind the subset, where readers of the report look for it
        return [
            {**about, "subset": subset, **after, "n_categories": len(members), **self._means("map50", members, 2)}
            for subset, members in self._subsets.items()
        ]

    def categories(self, method: Method) -> Rows:
        """Each base and novel query by itself; relevant: the number of images that show it."""
        return [
            {"category": self.queries.texts[n], "subset": subset, "relevant": self._relevant(n)}
            | {**asdict(method), **self._means("ap50", n, 2)}
            for subset in ("base", "novel")
            for n in self._subsets.get(subset, ())
        ]

    def to_json(self) -> dict[str, Any]:
        """``{metrics: {subset: {map50, map50_r40, categories}}, categories: {name: {ap50, ap50_r40, ...}}}``."""
        metrics, categories = dict[str, Any](), dict[str, Any]()
        for subset, members in self._subsets.items():
            metrics[subset] = {**self._means("map50", members, 4), "categories": len(members)}
        for n, text in enumerate(self.queries.texts):
            subsets = [subset for subset, members in self._subsets.items() if subset != "all" and n in members]
            categories[text] = {**self._means("ap50", n, 4), "relevant": self._relevant(n), "subsets": subsets}
        return {"metrics": metrics, "categories": categories}

    @property
    def _subsets(self) -> dict[str, NDArray[np.intp]]:
        return {name: members for name, members in self.queries.subsets.items() if len(members)}

    def _relevant(self, n: int) -> int:
        return int(self.queries.relevant[:, n].sum())

    def _means(self, name: str, at: NDArray[np.intp] | int, digits: int) -> dict[str, float]:
        values = {name: self.plain, f"{name}_r40": self.rare}
        return {key: round(float(value[at].mean()), digits) for key, value in values.items()}


def measure(table: Tensor, queries: QuerySet, params: Params) -> Measured:
    """Measure a method by its scores `table` [n, T] for `queries`."""
    limits, relevant = params.evaluate, queries.relevant
    values = unjudged_last(table.cpu().numpy(), queries.judged)
    plain = average_precisions(values, relevant, limits.k)
    rare = rare_average_precisions(values, relevant, limits.k, limits.rare, limits.draws, params.seed)
    return Measured(queries, 100 * plain, 100 * rare)


@torch.inference_mode()
def head_scores(head: SumClip, features: Features, texts: Tensor) -> Tensor:
    """Scores [n, T] of a SUM-CLIP head."""
    return torch.cat([scores(summarise(head, part).regions, texts) for part in features.chunks(texts.device)])


def names_of(records: Records, image_ids: list[str], small: float) -> QuerySet | None:
    """The category names that these images show; None where nothing is labelled."""
    return next(iter(query_sets(records, image_ids, small, only=("names",))), None)


def by_category(model: Model, features: Features, queries: QuerySet, params: Params) -> Measured:
    """Measure `model` on the images of `features` [n], of which `queries` ask."""
    return measure(head_scores(model.head, features, model.text(queries.texts)), queries, params)


def validate(
    models: Mapping[str, Model], features: Features, queries: QuerySet | None, params: Params
) -> dict[str, Any]:
    """val.json of a run: the scores of each of its models (by training seed); empty where nothing is labelled."""
    seeds: dict[str, Any] = {name: {"metrics": {}, "categories": {}} for name in models}
    if queries:
        seeds = {name: by_category(model, features, queries, params).to_json() for name, model in models.items()}
    limits, images = params.evaluate, len(features.dense)
    about = {"query_set": "names", "split": "val", "images": images, "k": limits.k, "rare": limits.rare}
    return {**about, "seeds": seeds}
