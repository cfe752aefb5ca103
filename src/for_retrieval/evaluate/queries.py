"""The three query sets of a dataset: names, attribute + name, synonyms; and what is relevant to each query."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from for_retrieval.records.records import DatasetInfo, Records
from for_retrieval.records.words import spoken_attributes

SUBSETS = ("base", "novel", "all", "small")
Group = tuple[str, ...]  # of objects: those of a (category,), or of a (category, attribute, word)


@dataclass(frozen=True)
class QuerySet:
    """T queries with at least one relevant image."""

    name: str
    texts: list[str]
    relevant: NDArray[np.bool_]  # [n, T] over the images
    subsets: dict[str, NDArray[np.intp]]  # name -> the columns that belong to it
    judged: NDArray[np.bool_] | None = None  # [n, T], the images that are known to be right or wrong; None: all are


ALL = ("names", "attributes", "synonyms")


def query_sets(records: Records, image_ids: list[str], small: float, only: Collection[str] = ALL) -> list[QuerySet]:
    """Those of the three sets (or of `only`) that this dataset has words for; sets without queries are left out.

    A query belongs to ``base`` (``novel``) if every category it means is base (novel); to ``small`` if its
    largest instance in each relevant image covers less than `small` of the image on the median.
    """
    info, groups, negatives = records.info, _groups(records, image_ids), _negatives(records, image_ids)
    found = []
    for name, table in (("names", _names), ("attributes", _attributes), ("synonyms", _synonyms)):
        queries = table(info) if name in only else {}
        answers = {text: [groups[group] for group in asked if group in groups] for text, asked in queries.items()}
        texts = [text for text, answer in answers.items() if answer]
        relevant = np.zeros((len(image_ids), len(texts)), bool)
        judged = None if negatives is None else np.zeros_like(relevant)
        belongs: list[dict[str, bool]] = []  # to each subset
        for n, text in enumerate(texts):
            objects, meant = pd.concat(answers[text]), {group[0] for group in queries[text]}
            relevant[objects["row"], n] = True
            if judged is not None and negatives is not None:  # shows what is meant, or is known to show none of it
                none = [negatives.get(category, np.zeros(len(image_ids), bool)) for category in meant]
                judged[:, n] = relevant[:, n] | np.logical_and.reduce(none)
            own = {"base": meant <= set(info.base), "novel": meant <= set(info.novel), "all": True}
            belongs.append({**own, "small": objects.groupby("row")["share"].max().median() < small})
        subsets = {subset: np.flatnonzero([own[subset] for own in belongs]) for subset in SUBSETS}
        found.append(QuerySet(name, texts, relevant, subsets, judged))
    return [query_set for query_set in found if query_set.texts]


def _names(info: DatasetInfo) -> dict[str, list[Group]]:
    """Text of a query -> the groups of objects that answer it."""
    return {name: [(name,)] for name in info.base + info.novel}


def _attributes(info: DatasetInfo) -> dict[str, list[Group]]:
    """As `_names`. Two attributes may share a word (``{colour: orange}``, ``{flavour: orange}``): one query."""
    texts: dict[str, list[Group]] = {}
    for name, (attribute, words) in product(info.base + info.novel, info.attributes.items()):
        for word in words:
            texts.setdefault(f"{word} {name}", []).append((name, attribute, word))
    return texts


def _synonyms(info: DatasetInfo) -> dict[str, list[Group]]:
    """As `_names`: synonyms and wider words, sorted. A word means every category that lists it."""
    names, texts = _names(info), dict[str, list[Group]]()
    for table in (info.synonyms, info.hypernyms):
        for category, words in table.items():
            for word in words if category in names else ():
                if word not in names and (category,) not in texts.setdefault(word, []):
                    texts[word].append((category,))
    return dict(sorted(texts.items()))


def _groups(records: Records, image_ids: list[str]) -> dict[Group, pd.DataFrame]:
    """The objects of each category, and of each category, attribute and word, with row and share of the image."""
    objects = records.objects.assign(row=pd.Index(image_ids).get_indexer(records.objects["image_id"]))
    objects = objects[objects["row"] >= 0]
    sizes = records.images.set_index("image_id").loc[objects["image_id"], ["width", "height"]]
    objects = objects.assign(share=(objects["w"] * objects["h"]).to_numpy() / sizes.prod(axis=1).to_numpy())
    with_words = objects.join(spoken_attributes(objects).set_index("object"), how="inner")
    return dict([*objects.groupby(["category"]), *with_words.groupby(["category", "attribute", "word"])])


def _negatives(records: Records, image_ids: list[str]) -> dict[str, NDArray[np.bool_]] | None:
    """Category -> [n] bool, the images that are known not to show it; None where that needs no saying."""
    if records.negatives is None:
        return None
    rows = pd.Series(pd.Index(image_ids).get_indexer(records.negatives["image_id"]))
    parts = rows[rows >= 0].groupby(records.negatives["category"])
    return {str(name): np.bincount(part, minlength=len(image_ids)) > 0 for name, part in parts}
