"""Whether a generation is what it should be: files, counts, and answers beside the exact evaluator's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from for_retrieval.errors import ForError
from for_retrieval.evaluate.measure import head_scores
from for_retrieval.files import atomic
from for_retrieval.model.model import Model
from for_retrieval.model.tower import find_device
from for_retrieval.project import Project
from for_retrieval.records.records import Records, load_records
from for_retrieval.release.generation import ImageRow, bundle_of, check_files, generation_name, read_table
from for_retrieval.release.pointer import read_pointer
from for_retrieval.release.search import Index, open_generation

if TYPE_CHECKING:
    from for_retrieval.release.engines import Floats

TOP = 50  # images
SAMPLE = 40  # queries
BATCH = 256  # images
NOISE = 0.01  # of a cosine: on CUDA the head's bfloat16 layers give the last bits anew in another batch
WORDS = ("car", "person", "tree", "dog", "house", "bicycle", "bird", "chair", "boat", "sign")  # where nothing is named


@dataclass(frozen=True)
class Report:
    """What was found. recall: of the exact best images, over all queries; bound: what it must reach.

    problems: a sentence each; none where the generation may serve (`ok`).
    """

    generation: str
    images: int
    regions: int
    queries: int
    recall: float
    bound: float
    problems: list[str]
    ok: bool


def verify(project: Project, generation: str | None = None) -> Report:
    """Check a generation of the project, or the live one: every file, every image, a sample of queries.

    Raises ForError: it cannot even be opened, or its images have no features in the cache.
    """
    name, bound = generation or read_pointer(project.index).live.generation, project.params.promote.recall
    model, records = load_model(project, bundle_of(project.index, name)), load_records(project.prepared)
    return verify_generation(project.index / name, model, project.cache, records, bound, anew=True)


def load_model(project: Project, bundle: Path, like: Model | None = None) -> Model:
    """The model in a bundle, on the project's device; see `Model.load`."""
    return Model.load(bundle, project.root, find_device(project.settings.device), like=like)


def verify_generation(
    generation: Path, model: Model, cache: Path, records: Records, bound: float, *, anew: bool = False
) -> Report:
    """The same for a generation at any place, with its own model at hand; `anew` as for `exact_scores`."""
    rows, texts = read_table(generation), sample_texts(records)
    with open_generation(generation) as index:
        problems = _count_problems(index, rows)
        try:
            check_files(generation, hash_below=None)
        except ForError as error:
            problems.insert(0, str(error))
        exact, vectors = exact_scores(list(rows), model, cache, texts, anew=anew)
        recall = _recall(index, [row.image_id for row in rows], exact, vectors)
        manifest, name = index.manifest, generation_name(index.manifest.digest)
    if recall < bound:
        problems.append(f"recall of the first {TOP} images is {recall:.4f} against the exact evaluator, below {bound}")
    counts = manifest.n_images, manifest.n_points, len(texts)
    return Report(name, *counts, round(recall, 6), bound, problems, ok=not problems)


def sample_texts(records: Records) -> list[str]:
    """Up to SAMPLE names, spread evenly over what the set is about."""
    names = [*records.info.base, *records.info.novel] or list(WORDS)
    step = max(1.0, len(names) / SAMPLE)
    return [names[int(k * step)] for k in range(min(SAMPLE, len(names)))]


def exact_scores(
    rows: list[ImageRow], model: Model, cache: Path, texts: Sequence[str], *, anew: bool = False
) -> tuple[Floats, Floats]:
    """Scores [n, T] without an index, and the texts' embeddings [T, D].

    The cache keeps them by model and content, so only new images are scored; all of them if `anew`.
    """
    path = cache / "exact" / f"{model.id}.npz"
    known, vectors = ({}, None) if anew else _known(path, texts)
    if vectors is None:
        vectors = model.text(texts).float().cpu().numpy()
    todo = [content for content in {row.hash: None for row in rows} if content not in known]
    store = model.store(cache)
    for start in range(0, len(todo), BATCH):
        part = todo[start : start + BATCH]
        features = store.load(part)
        found = head_scores(model.head, features, features.pooled.float().new_tensor(vectors).to(model.device))
        known |= zip(part, found.float().cpu().numpy(), strict=True)
    scores = np.stack([known[row.hash] for row in rows])
    if todo:
        hashes = [row.hash for row in rows]
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez(file, texts=list(texts), vectors=vectors, hashes=hashes, scores=scores)
    return scores, vectors


def _known(path: Path, texts: Sequence[str]) -> tuple[dict[str, Floats], Floats | None]:
    """The cached scores by content, and the embeddings; nothing where they are missing, damaged or of other texts."""
    try:
        with np.load(path) as stored:
            if stored["texts"].tolist() == list(texts):
                return dict(zip(stored["hashes"].tolist(), stored["scores"], strict=True)), stored["vectors"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        pass
    return {}, None


def _count_problems(index: Index, rows: dict[ImageRow, int]) -> list[str]:
    """Every image once, in the version and with the number of regions that the table says."""
    expected = {(row.image_id, row.hash): count for row, count in rows.items()}
    found = index.engine.images()
    manifest, problems = index.manifest, []
    if (len(rows), sum(rows.values())) != (manifest.n_images, manifest.n_points):
        problems.append(f"the table of images has {len(rows)} rows instead of {manifest.n_images}")
    wrong = sorted(key[0] for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    if wrong:
        problems.append(f"{len(wrong)} images are not stored as they should be; the first is {wrong[0]!r}")
    return problems


def _recall(index: Index, image_ids: list[str], exact: Floats, vectors: Floats) -> float:
    """Share of the found images that are among the exact best, with the score that they have there."""
    position = {image_id: row for row, image_id in enumerate(image_ids)}
    top, hits = min(TOP, len(image_ids)), 0
    for column, vector in enumerate(vectors):
        least = np.sort(exact[:, column])[-top] - NOISE
        for region in index.search(vector, top):
            row = position.get(region.image_id)
            score = exact[row, column] if row is not None else -1.0
            hits += bool(score >= least and abs(score - region.score) <= NOISE)
    return hits / (top * len(vectors))
