"""The three query sets of a dataset: names, attribute + name, synonyms; and what is relevant to each query."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from for_retrieval.records.records import DatasetInfo, Records

SUBSETS = ("base", "novel", "all", "small")


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
    info = records.info
    objects, negatives = _objects(records, image_ids), _negatives(records, image_ids)
    names = {name: [name] for name in info.base + info.novel}
    synonyms: dict[str, list[str]] = {}
    for table in (info.synonyms, info.hypernyms):
        for category, words in table.items():
            for word in words if category in names else ():
                if word not in names and category not in synonyms.setdefault(word, []):
                    synonyms[word].append(category)
    tables: dict[str, list[tuple[str, str | None, list[str]]]] = {
        "names": [(text, None, meant) for text, meant in names.items()],
        "attributes": [(f"{colour} {name}", colour, [name]) for name in names for colour in info.colours],
        "synonyms": [(text, None, meant) for text, meant in sorted(synonyms.items())],
    }
    built = (
        _build(name, tables[name], objects, negatives, len(image_ids), info, small) for name in ALL if name in only
    )
    return [query_set for query_set in built if query_set.texts]


def _objects(records: Records, image_ids: list[str]) -> pd.DataFrame:
    """Objects of these images, with their row, colour and share of the image's area."""
    sizes = records.images.set_index("image_id")
    objects = records.objects.copy()
    objects["row"] = pd.Index(image_ids).get_indexer(objects["image_id"])
    objects = objects[objects["row"] >= 0]
    area = sizes.loc[objects["image_id"], ["width", "height"]].prod(axis=1).to_numpy()
    objects["share"] = (objects["w"] * objects["h"]).to_numpy() / area
    objects["colour"] = [json.loads(text).get("colour") if text != "{}" else None for text in objects["attributes"]]
    return objects


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
    rows: list[tuple[str, str | None, list[str]]],
    objects: pd.DataFrame,
    negatives: dict[str, NDArray[np.intp]] | None,
    count: int,
    info: DatasetInfo,
    small: float,
) -> QuerySet:
    by_category = dict(tuple(objects.groupby("category")))
    texts, columns, judged, members = [], [], [], {subset: [] for subset in SUBSETS}  # type: ignore[var-annotated]
    for text, colour, meant in rows:
        found = pd.concat([by_category[c] for c in meant if c in by_category] or [objects.iloc[:0]])
        if colour is not None:
            found = found[found["colour"] == colour]
        if found.empty:
            continue
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
