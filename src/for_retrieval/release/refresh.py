"""Bring the live index up to date with the images: only what changed is encoded and written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.errors import ForError
from for_retrieval.model.sum_clip import attention_boxes
from for_retrieval.project import Project
from for_retrieval.records.records import Records, load_records
from for_retrieval.release.build import Earlier, Plan, build_index
from for_retrieval.release.engines import kind_of
from for_retrieval.release.manifest import (
    About,
    Changes,
    ImageRow,
    Manifest,
    changes,
    generation_name,
    read_manifest,
    read_table,
)
from for_retrieval.release.pointer import (
    Served,
    bundle_of,
    is_live,
    read_candidate,
    read_live,
    record_candidate,
    switch,
)
from for_retrieval.release.regions import ImageRegions

if TYPE_CHECKING:
    from for_retrieval.model.model import Model


MAKERS = ("for_retrieval.model.sum_clip",)  # make regions of features


@dataclass(frozen=True)
class Waiting:
    """What the live index lacks. about: what all images of the refreshed generation will share."""

    live: Served
    manifest: Manifest
    changes: Changes
    about: About
    rows: list[ImageRow]
    engine: str

    @property
    def nothing_to_do(self) -> bool:
        """Whether the live generation holds just these images, as this program would index them."""
        now = (self.about.recipe, self.about.image_root, self.engine)
        return not self.changes and now == (self.manifest.recipe, self.manifest.image_root, self.manifest.engine)


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
    made_by = recipe()
    found = changes(read_table(generation), rows)
    if made_by != manifest.recipe:  # another program made the old regions: none of them can stay
        found = Changes(found.new, [*found.changed, *found.unchanged], found.deleted, [])
    about = About(manifest.model, made_by, manifest.dataset, manifest.dim, records.info.root)
    return Waiting(live, manifest, found, about, rows, kind_of(project.settings))


def gallery_rows(records: Records, splits: Sequence[str]) -> list[ImageRow]:
    """The images of `splits`, by image id.

    Raises:
        ForError: the splits hold no images.
    """
    images = records.images[records.images["split"].isin(splits)]
    if images.empty:
        raise ForError(
            f"the splits {', '.join(splits)} of {records.info.name} hold no images to search; "
            "set index.gallery in params.yaml"
        )
    columns = list(ImageRow.__dataclass_fields__)
    return [ImageRow(*values) for values in images[columns].itertuples(index=False, name=None)]


def recipe() -> str:
    """Twelve digits that change with the code that makes regions of features; the model's id does not tell that."""
    digest = hashlib.sha256()
    for name in MAKERS:
        spec = find_spec(name)  # its source, without importing it: that would load torch
        origin = spec.origin if spec else None
        if origin is None:
            raise RuntimeError(f"{name} has no source file")
        digest.update(Path(origin).read_bytes())
    return digest.hexdigest()[:12]


BATCH = 256


def gallery_regions(rows: Sequence[ImageRow], model: Model, cache: Path) -> Iterator[ImageRegions]:
    """The regions of every image in `rows`, in their order.

    Raises:
        ForError: an image has no features yet.
    """
    store = model.store(cache)
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        summary = model.regions(store.load([row.hash for row in batch]))
        regions, attention = summary.regions.cpu().numpy(), summary.attention.cpu().numpy()
        for k, row in enumerate(batch):
            yield ImageRegions(
                image_id=row.image_id,
                path=row.path,
                hash=row.hash,
                split=row.split,
                width=row.width,
                height=row.height,
                embeddings=regions[k],
                boxes=attention_boxes(attention[k], model.tower.grid, row.width, row.height),
            )


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


def refresh(project: Project, *, progress: bool = True) -> Refreshed:
    """Index new and changed images with the live model, drop deleted ones, verify, and go live.

    Queries are answered from the old generation until the new one is complete.

    Raises:
        ForError: nothing is live, the model cannot be rebuilt, an image cannot be read, the new generation does
            not pass its verification, or something else went live meanwhile. The old one stays.
    """
    records = load_records(project.prepared)
    todo = waiting(project, records)
    found, live = todo.changes, todo.live
    counts = (len(found.new), len(found.changed), len(found.deleted), len(found.unchanged))
    if todo.nothing_to_do:
        return Refreshed(live.generation, live.generation, live.version, *counts, encoded=0, recall=None)
    # Only now: a refresh with nothing to do, as most are, loads no torch.
    from for_retrieval.model.model import Model
    from for_retrieval.model.tower import find_device
    from for_retrieval.release.verify import sample_texts

    device = find_device(project.settings.device)
    bundle = bundle_of(project.index, live.generation)
    model = Model.load(bundle, project.root, device)
    encoded = model.encode(project, records, project.params.index.gallery)
    recalls: list[float] = []

    def check(drafted: Path, manifest: Manifest) -> None:
        recalls.append(_verified(project, drafted, manifest, model, sample_texts(records)))

    manifest = build_index(
        project.index,
        Plan(todo.rows, todo.about, bundle, project.settings, _earlier(project, todo)),
        gallery_regions(found.to_write, model, project.cache),
        progress=progress,
        check=check,
        then=lambda name: _take_the_place(project, live, name),
    )
    name = generation_name(manifest.digest)
    recall = recalls[0] if recalls else None
    return Refreshed(live.generation, name, live.version, *counts, encoded=encoded, recall=recall)


def _earlier(project: Project, todo: Waiting) -> Earlier:
    return Earlier(project.index / todo.live.generation, todo.manifest, todo.changes)


def _verified(project: Project, drafted: Path, manifest: Manifest, model: Model, texts: list[str]) -> float:
    from for_retrieval.release.verify import verify_generation

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


@dataclass(frozen=True)
class Status:
    """generations: one entry each, the live one first. waiting: what a refresh would do; None where unknown.

    why: why it is unknown.
    """

    generations: list[dict[str, Any]]
    waiting: dict[str, int] | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {"generations": self.generations, "waiting": self.waiting, "why": self.why}


def status(project: Project) -> Status:
    """Look at the index of a project.

    Raises:
        ForError: nothing is live, or the pointer is damaged.
    """
    folder = project.index
    live, built = read_live(folder), read_candidate(folder)
    entries = [_entry(folder, "live", live.live), *(_entry(folder, "previous", entry) for entry in live.previous)]
    if built and all(built.generation != entry["generation"] for entry in entries):
        entries.append(_entry(folder, "candidate", built))
    try:
        return Status(entries, _waiting(project), "")
    except ForError as error:
        return Status(entries, None, str(error))


def _entry(folder: Path, role: str, served: Served) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "role": role,
        "generation": served.generation,
        "version": served.version,
        "model": served.model,
        "dataset": served.dataset,
        "since": served.since,
    }
    try:
        manifest = read_manifest(folder / served.generation)
    except ForError as error:
        return {**entry, "problem": str(error)}
    return {**entry, "engine": manifest.engine, "images": manifest.n_images, "regions": manifest.n_points}


def _waiting(project: Project) -> dict[str, int]:
    from for_retrieval.records.records import load_records

    found = waiting(project, load_records(project.prepared)).changes
    return {"new": len(found.new), "changed": len(found.changed), "deleted": len(found.deleted)}


@dataclass(frozen=True)
class Built:
    """What the stage left. note: what it did about serving; empty where there was nothing to do."""

    generation: str
    manifest: Manifest
    note: str


def build_candidate(project: Project, records: Records, model: Model) -> Built:
    """Build the generation of `model`, that of models/bundle, for the gallery and record it as the candidate.

    It goes live only where nothing else should go on serving: see `settle`.

    Raises:
        ForError: a stage before it has not run, or the build fails.
    """
    rows = gallery_rows(records, project.params.index.gallery)
    about = About(model.id, recipe(), records.info.name, model.tower.dim, records.info.root)
    notes: list[str] = []
    manifest = build_index(
        project.index,
        Plan(rows, about, project.bundle, project.settings),
        gallery_regions(rows, model, project.cache),
        progress=True,
        then=lambda name: notes.append(settle(project.index, name, project.settings.keep_generations)),
    )
    return Built(generation_name(manifest.digest), manifest, notes[0])


def settle(folder: Path, generation: str, keep: int) -> str:
    """Record a new candidate, and let it serve if nothing promoted serves this dataset; returns what was done.

    For those who hold the pointer lock.
    """
    record_candidate(folder, generation)
    current = is_live(folder)
    if current is None:
        switch(folder, generation, None, keep)
        return "it serves now: nothing else did"
    live = current.live
    if live.generation == generation:
        switch(folder, generation, live.version, keep)  # rebuilt, perhaps: the pointer knows its manifest
        return ""
    dataset = read_manifest(folder / generation).dataset
    if live.version is None or live.dataset != dataset:
        switch(folder, generation, None, keep)
        old = f"{live.generation} was never promoted" if live.version is None else f"the old one is of {live.dataset}"
        return f"it serves now: {old}"
    return f"version {live.version} goes on serving until `for-cli models promote`"
