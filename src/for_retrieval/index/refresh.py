"""Bring the live index up to date with the prepared images: only what changed is encoded and written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.data.records import Records, load_records
from for_retrieval.errors import ForError
from for_retrieval.index.build import build_index
from for_retrieval.index.changes import Changes, changes
from for_retrieval.index.engines import kind_of
from for_retrieval.index.gallery_regions import gallery_regions, gallery_rows, recipe
from for_retrieval.index.live import Served, bundle_of, read_live, switch
from for_retrieval.index.manifest import Manifest, generation_name, read_manifest
from for_retrieval.index.plan import Earlier, Plan
from for_retrieval.index.table import About, ImageRow, read_table
from for_retrieval.index.verify import sample_texts, verify_generation
from for_retrieval.project import Project
from for_retrieval.train.bundled import Bundled, load_bundled

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did. before, generation: names, equal where there was nothing to do.

    encoded: images that had no features yet. recall: of the verification; None where nothing was built.
    """

    before: str
    generation: str
    version: int | None
    new: int
    changed: int
    deleted: int
    unchanged: int
    encoded: int
    recall: float | None

    @property
    def nothing_to_do(self) -> bool:
        """Whether the pointer was left alone."""
        return self.before == self.generation

    def to_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {**asdict(self), "nothing_to_do": self.nothing_to_do}


@dataclass(frozen=True)
class Waiting:
    """What the live index lacks. about: what all images of the refreshed generation will share."""

    live: Served
    manifest: Manifest
    changes: Changes
    about: About
    rows: list[ImageRow]

    @property
    def nothing_to_do(self) -> bool:
        """Whether the live generation holds just these images, as this program would index them."""
        return not self.changes and (self.about.recipe, self.about.image_root) == (
            self.manifest.recipe,
            self.manifest.image_root,
        )


def waiting(project: Project, records: Records) -> Waiting:
    """Compare the live generation with the prepared images, by content hash.

    Raises:
        ForError: nothing is live, or it is an index of another dataset.
    """
    live = read_live(project.index).live
    generation = project.index / live.generation
    manifest = read_manifest(generation)
    if manifest.dataset != records.info.name:
        raise ForError(
            f"the live index is of {manifest.dataset}, but data/prepared holds {records.info.name}; "
            "run `dvc repro` to train and index it"
        )
    rows = gallery_rows(records, project.params.index.gallery)
    known = read_table(generation)
    made_by = recipe()
    found = changes(known, rows)
    if made_by != manifest.recipe:  # another program made the old regions: none of them can stay
        found = Changes(found.new, [*found.changed, *found.unchanged], found.deleted, [])
    about = About(manifest.model, made_by, manifest.dataset, manifest.dim, records.info.root)
    return Waiting(live, manifest, found, about, rows)


def refresh(project: Project, *, progress: bool = True) -> Refreshed:
    """Index new and changed images with the live model, drop deleted ones, verify, and go live.

    Queries are answered from the old generation until the new one is complete.

    Raises:
        ForError: nothing is live, the model cannot be rebuilt, an image cannot be read, the new generation does
            not pass its verification, or something else went live meanwhile. The old one stays.
    """
    from for_retrieval.model.tower import find_device

    records = load_records(project.prepared)
    todo = waiting(project, records)
    found, live = todo.changes, todo.live
    counts = (len(found.new), len(found.changed), len(found.deleted), len(found.unchanged))
    if todo.nothing_to_do and todo.manifest.engine == kind_of(project.settings):
        return Refreshed(live.generation, live.generation, live.version, *counts, encoded=0, recall=None)
    device = find_device(project.settings.device)
    bundle = bundle_of(project.index, live.generation)
    model = load_bundled(bundle, device, project.root)
    encoded = _encode(project, records, model)
    recalls: list[float] = []

    def check(drafted: Path, manifest: Manifest) -> None:
        recalls.append(_verified(project, drafted, manifest, model, sample_texts(records)))

    manifest = build_index(
        project.index,
        Plan(todo.rows, todo.about, bundle, project.settings, _earlier(project, todo)),
        gallery_regions(found.to_write, model.tower, model.head, project.cache, device),
        progress=progress,
        check=check,
        then=lambda name: _take_the_place(project, live, name),
    )
    name = generation_name(manifest.digest)
    recall = recalls[0] if recalls else None
    return Refreshed(live.generation, name, live.version, *counts, encoded=encoded, recall=recall)


def _earlier(project: Project, todo: Waiting) -> Earlier:
    return Earlier(project.index / todo.live.generation, todo.manifest, todo.changes)


def _encode(project: Project, records: Records, model: Bundled) -> int:
    """Encode what has no features of this model's tower; returns how many images that were."""
    from for_retrieval.model.encode import encode

    params = project.params.model_copy(update={"model": model.settings})
    splits = tuple(project.params.index.gallery)
    return encode(records, model.tower, params, project.root, project.cache, project.settings.processes, splits)


def _verified(project: Project, drafted: Path, manifest: Manifest, model: Bundled, texts: list[str]) -> float:
    bound = project.params.promote.recall
    report = verify_generation(drafted, generation_name(manifest.digest), model, project.cache, texts, bound)
    if not report.ok:
        raise ForError(f"the refreshed index is refused: {'; '.join(report.problems)}; the old one goes on serving")
    return report.recall


def _take_the_place(project: Project, live: Served, name: str) -> None:
    """Go live in the place of what the refresh started from, under the pointer lock."""
    now = read_live(project.index).live
    if now != live:
        raise ForError(
            f"{now.generation} went live while {live.generation} was refreshed; run `for-cli index refresh` again"
        )
    switch(project.index, name, live.version, project.settings.keep_generations)
