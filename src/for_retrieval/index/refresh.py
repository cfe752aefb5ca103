"""Bring the live index up to date with the prepared images: only what changed is encoded and written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.data.records import Records, load_records
from for_retrieval.errors import ForError
from for_retrieval.index.build import build_index
from for_retrieval.index.gallery import Waiting, waiting
from for_retrieval.index.live import Served, bundle_of, read_live, switch
from for_retrieval.index.manifest import Manifest, generation_name
from for_retrieval.index.plan import Earlier, Plan
from for_retrieval.project import Project

if TYPE_CHECKING:
    from for_retrieval.train.bundled import Bundled


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
    from for_retrieval.index.gallery_regions import gallery_regions
    from for_retrieval.index.verify import sample_texts
    from for_retrieval.model.tower import find_device
    from for_retrieval.train.bundled import load_bundled

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
    from for_retrieval.index.verify import verify_generation

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
