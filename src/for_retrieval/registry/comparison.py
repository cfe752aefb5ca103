"""Champion and challenger on the same images, by the exact evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from for_retrieval.data.records import Records
from for_retrieval.evaluate.validation import ByCategory, by_category, names_of
from for_retrieval.files import read_json, write_json
from for_retrieval.model.encode import encode, store_for
from for_retrieval.model.tower import Features, prompted
from for_retrieval.project import Project
from for_retrieval.registry.gate import Floats
from for_retrieval.registry.state import frozen_path
from for_retrieval.train.bundled import Bundled

SUBSETS = ("base", "novel")


def freeze(project: Project, records: Records) -> list[str]:
    """The validation images of the first promotion, as content hashes; fixed then, so that figures stay comparable.

    Images that were removed since do not count; where none is left the list is made anew.
    """
    path = frozen_path(project, records.info.name)
    rows = records.images[records.images["split"] == "val"]
    present = dict(zip(rows["hash"], rows["image_id"], strict=True))
    if path.exists():
        kept = [content for content in read_json(path)["images"] if content in present]
        if kept:
            return kept
    write_json(path, {"dataset": records.info.name, "digest": records.info.digest, "images": present})
    return list(present)


def measure(
    project: Project, records: Records, hashes: list[str], models: Mapping[str, Bundled]
) -> dict[str, ByCategory] | None:
    """What each model scores on these images; None where they show nothing that is labelled."""
    rows = records.images[(records.images["split"] == "val") & records.images["hash"].isin(hashes)]
    rows = rows.drop_duplicates("hash")
    queries = names_of(records, rows["image_id"].tolist(), project.params.evaluate.small)
    if queries is None:
        return None
    content, params, embedded = rows["hash"].tolist(), project.params, {}
    found = {}
    for name, model in models.items():
        key = (model.tower.id, *model.settings.prompts)
        if key not in embedded:  # champion and challenger mostly share their tower
            embedded[key] = prompted(model.tower, queries.texts, model.settings.prompts)
        features = _features(project, records, content, model)
        found[name] = by_category(model.head, features, queries, embedded[key], params.evaluate, params.seed)
    return found


def _features(project: Project, records: Records, hashes: list[str], model: Bundled) -> Features:
    """Of these images; a champion of another tower has none of images that came later: encoded now, and kept."""
    workers, cache = project.settings.processes, project.cache
    encode(records, model.tower, project.params, project.root, cache, workers, splits=("val",))
    return store_for(model.tower, cache).load(hashes)


def by_subset(scores: ByCategory) -> dict[str, Floats]:
    """AP@50 r40 of the categories of each subset that the gate looks at."""
    return {subset: scores.rare[scores.subsets[subset]] for subset in SUBSETS}


def means(scores: ByCategory) -> dict[str, Any]:
    """The same as one number each, for a model that there is nothing to compare with."""
    return {name: round(float(ap.mean()), 2) for name, ap in by_subset(scores).items() if len(ap)}
