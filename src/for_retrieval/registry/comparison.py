"""Champion and challenger on the same images: both rebuilt from their own bundles, by the exact evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.data.records import Records
from for_retrieval.errors import ForError
from for_retrieval.evaluate.validation import ByCategory, by_category, names_of
from for_retrieval.files import read_json, write_json
from for_retrieval.model.encode import encode, store_for
from for_retrieval.model.tower import find_device, prompted
from for_retrieval.project import Project
from for_retrieval.registry.gate import Floats
from for_retrieval.train.bundled import load_bundled

if TYPE_CHECKING:
    import torch

    from for_retrieval.evaluate.queries import QuerySet

SUBSETS = ("base", "novel")


def frozen_path(project: Project, dataset: str) -> Path:
    """The list of validation images that champions of a dataset are measured on."""
    return project.index / "validation" / f"{dataset}.json"


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
    project: Project, records: Records, hashes: list[str], bundles: Mapping[str, Path]
) -> dict[str, ByCategory] | None:
    """What each model (name -> bundle) scores on these images; None where they show nothing that is labelled.

    Raises:
        ForError: a tower or head cannot be rebuilt.
    """
    rows = records.images[(records.images["split"] == "val") & records.images["hash"].isin(hashes)]
    rows = rows.drop_duplicates("hash")
    queries = names_of(records, rows["image_id"].tolist(), project.params.evaluate.small)
    if queries is None:
        return None
    device = find_device(project.settings.device)
    content = rows["hash"].tolist()
    return {name: _measure(project, records, content, queries, path, device) for name, path in bundles.items()}


def _measure(
    project: Project, records: Records, hashes: list[str], queries: QuerySet, bundle: Path, device: torch.device
) -> ByCategory:
    made = load_bundled(bundle, device, project.root)
    # A champion of another tower has no features of images that came later: encoded now, and kept.
    encode(
        records, made.tower, project.params, project.root, project.cache, project.settings.processes, splits=("val",)
    )
    features = store_for(made.tower, project.cache).load(hashes)
    texts = prompted(made.tower, queries.texts, made.settings.prompts).to(device)
    return by_category(made.head, features, queries, texts, project.params.evaluate, project.params.seed)


def by_subset(scores: ByCategory) -> dict[str, Floats]:
    """AP@50 r40 of the categories of each subset that the gate looks at."""
    return {subset: scores.rare[scores.subsets[subset]] for subset in SUBSETS}


def means(scores: ByCategory) -> dict[str, Any]:
    """The same as one number each, for a model that there is nothing to compare with."""
    return {name: round(float(ap.mean()), 2) for name, ap in by_subset(scores).items() if len(ap)}


def bundle_says(bundle: Path, key: str) -> Any:
    """An entry of bundle.json.

    Raises:
        ForError: it is missing.
    """
    values = read_json(bundle / "bundle.json", "run `dvc repro export`")
    if key not in values:
        raise ForError(f"{bundle / 'bundle.json'} lacks the key {key!r}; run `dvc repro export`")
    return values[key]
