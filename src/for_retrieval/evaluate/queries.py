"""The three query sets of a dataset: names, attribute + name, synonyms; and what is relevant to each query."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from for_retrieval.records.records import DatasetInfo, Records
from for_retrieval.records.words import spoken_attributes

SUBSETS = ("base", "novel", "all", "small")
Group = tuple[str, ...]  # of objects: those of a (category,), or of a (category, attribute, word)


@dataclass(frozen=True)
class QuerySet:
    """Queries with at least one relevant image.

    texts: T queries. relevant: [n, T] bool over the images. subsets: name -> the columns that belong to it.
    judged: [n, T] bool, the images that are known to be right or wrong; None where all are.
    """

    name: str
    texts: list[str]
    relevant: NDArray[np.bool_]
    subsets: dict[str, NDArray[np.intp]]
    judged: NDArray[np.bool_] | None = None


ALL = ("names", "attributes", "synonyms")


def query_sets(records: Records, image_ids: list[str], small: float, only: Collection[str] = ALL) -> list[QuerySet]:
    """Those of the three sets (or of `only`) that this dataset has words for; sets without queries are left out.

    A query belongs to ``base`` (``novel``) if every category it means is base (novel); to ``small`` if its
    largest instance in each relevant image covers less than `small` of the image on the median.
    """
    objects, negatives = _objects(records, image_ids), _negatives(records, image_ids)
    groups = _groups(objects)
    tables = {"names": _names, "attributes": _attributes, "synonyms": _synonyms}
    built = (
        _build(name, tables[name](records.info), groups, negatives, len(image_ids), records.info, small)
        for name in ALL
        if name in only
    )
    return [query_set for query_set in built if query_set.texts]


def _names(info: DatasetInfo) -> dict[str, list[Group]]:
    """Text of a query -> the groups of objects that answer it."""
    return {name: [(name,)] for name in info.base + info.novel}


def _attributes(info: DatasetInfo) -> dict[str, list[Group]]:
    """As `_names`. Two attributes may share a word (``{colour: orange}``, ``{flavour: orange}``): one query."""
    texts: dict[str, list[Group]] = {}
    for name in info.base + info.novel:
        for attribute, words in info.attributes.items():
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


def _objects(records: Records, image_ids: list[str]) -> pd.DataFrame:
    """Objects of these images, with their row and share of the image's area."""
    sizes = records.images.set_index("image_id")
    objects = records.objects.copy()
    objects["row"] = pd.Index(image_ids).get_indexer(objects["image_id"])
    objects = objects[objects["row"] >= 0]
    area = sizes.loc[objects["image_id"], ["width", "height"]].prod(axis=1).to_numpy()
    objects["share"] = (objects["w"] * objects["h"]).to_numpy() / area
    return objects


def _groups(objects: pd.DataFrame) -> dict[Group, pd.DataFrame]:
    """The objects of each category, and those of each category, attribute and word."""
    with_words = objects.join(spoken_attributes(objects).set_index("object"), how="inner")
    return dict([*objects.groupby(["category"]), *with_words.groupby(["category", "attribute", "word"])])


def _negatives(records: Records, image_ids: list[str]) -> dict[str, NDArray[np.intp]] | None:
    """Category -> the rows of the images that are known not to show it; None where that needs no saying."""
    if records.negatives is None:
        return None
    rows = pd.Series(pd.Index(image_ids).get_indexer(records.negatives["image_id"]))
    return {str(name): part.to_numpy() for name, part in rows[rows >= 0].groupby(records.negatives["category"])}


def _judged(relevant: NDArray[np.bool_], negatives: dict[str, NDArray[np.intp]], meant: list[str]) -> NDArray[np.bool_]:
    """[n] bool: the images that show what is meant, and those that are known to show none of it."""
    count = np.zeros(len(relevant), np.intp)
    for category in meant:
        count[np.unique(negatives.get(category, np.empty(0, np.intp)))] += 1
    judged: NDArray[np.bool_] = relevant | (count == len(meant))
    return judged


def _build(
    name: str,
    queries: Mapping[str, list[Group]],
    groups: Mapping[Group, pd.DataFrame],
    negatives: dict[str, NDArray[np.intp]] | None,
    count: int,
    info: DatasetInfo,
    small: float,
) -> QuerySet:
    texts, columns, judged, members = [], [], [], {subset: [] for subset in SUBSETS}  # type: ignore[var-annotated]
    for text, asked in queries.items():
        answers = [groups[group] for group in asked if group in groups]
        if not answers:
            continue
        found, meant = pd.concat(answers), list(dict.fromkeys(group[0] for group in asked))
        column = np.zeros(count, bool)
        column[found["row"].to_numpy()] = True
        position = len(texts)
        texts.append(text)
        columns.append(column)
        if negatives is not None:
            judged.append(_judged(column, negatives, meant))
        members["all"].append(position)
        for subset, categories in (("base", info.base), ("novel", info.novel)):
            if set(meant) <= set(categories):
                members[subset].append(position)
        if found.groupby("row")["share"].max().median() < small:
            members["small"].append(position)
    relevant = np.stack(columns, axis=1) if columns else np.zeros((count, 0), bool)
    subsets = {subset: np.asarray(positions, np.intp) for subset, positions in members.items()}
    return QuerySet(name, texts, relevant, subsets, np.stack(judged, axis=1) if judged else None)
