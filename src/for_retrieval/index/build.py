"""Build a generation beside the live one, from nothing or from an earlier one, and check it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.index import engines
from for_retrieval.index.bundles import place_bundle
from for_retrieval.index.engine import Engine
from for_retrieval.index.generations import complete, draft, publish
from for_retrieval.index.live import BUNDLE
from for_retrieval.index.locks import only_builder, pointer_lock
from for_retrieval.index.manifest import FORMAT, Manifest, list_files
from for_retrieval.index.manifest import NAME as MANIFEST
from for_retrieval.index.plan import Earlier, Plan
from for_retrieval.index.pruning import clear_leftovers
from for_retrieval.index.regions import ImageRegions
from for_retrieval.index.table import NAME as TABLE
from for_retrieval.index.table import ImageRow, check_rows, read_table, row_of, write_table

BATCH = 64  # images; larger ones are no faster


def build_index(
    folder: Path,
    plan: Plan,
    regions: Iterable[ImageRegions],
    *,
    progress: bool,
    check: Callable[[Path, Manifest], None] | None = None,
    then: Callable[[str], None] | None = None,
) -> Manifest:
    """Build the generation of `plan` at `folder`; what is live stays live.

    A complete generation of the same content is left as it is, and `regions` are not asked for.

    Args:
        regions: of plan.to_write, walked once. progress: show a bar on stderr.
        check: called with the finished draft before it is put in place; raises to refuse it.
        then: called with the generation's name before anyone else can move the pointer or prune.

    Raises:
        ForError: an image is refused or comes twice, `regions` does not fit the plan, what was written cannot be
            read back, a server fails, or another process is building here.
    """
    check_rows(plan.rows)
    with only_builder(folder):
        with pointer_lock(folder):
            clear_leftovers(folder)
        manifest = complete(folder / plan.name, plan.digest)
        if manifest:
            with pointer_lock(folder):
                _then(then, plan.name)
            return manifest
        with draft(folder, plan.collection) as drafted:
            with _room_told(folder):
                manifest = _fill(drafted, plan, regions, progress)
            engines.open_engine(drafted, manifest).close()  # reads it back, and counts
            if check:
                check(drafted, manifest)
            with pointer_lock(folder):
                publish(folder, drafted, plan.name)
                _then(then, plan.name)
        return manifest


@contextmanager
def _room_told(folder: Path) -> Iterator[None]:
    """Turn what the system says of a full or broken disk into a sentence."""
    try:
        yield
    except OSError as error:  # shutil's own holds a list of (from, to, reason)
        reason = error.strerror or str(error.args[0][0][-1] if isinstance(error.args[0], list) else error)
        raise ForError(f"{folder} cannot be written ({reason}); make room, then run the same again") from None


def _then(then: Callable[[str], None] | None, name: str) -> None:
    if then:
        then(name)


def _fill(drafted: Path, plan: Plan, regions: Iterable[ImageRegions], progress: bool) -> Manifest:
    """Write everything of a generation into `drafted`, the manifest last."""
    place_bundle(plan.bundle, drafted / BUNDLE, plan.bundle_digest, link=plan.earlier is not None)
    engine = _start(drafted, plan)
    try:
        counts = _write(engine, _bar(_fitting(regions, plan.to_write), len(plan.to_write), progress))
        if plan.earlier:
            changes = plan.earlier.changes
            engine.delete_stale({row.image_id: row.hash for row in changes.changed})
            engine.delete_images(changes.deleted)
    finally:
        engine.close()
    if plan.earlier:
        known = {row.image_id: count for row, count in read_table(plan.earlier.generation).items()}
        counts |= {row.image_id: known[row.image_id] for row in plan.earlier.changes.unchanged}
    write_table(drafted / TABLE, plan.rows, counts)
    about = plan.about
    manifest = Manifest(
        format=FORMAT,
        model=about.model,
        bundle=plan.bundle_digest,
        recipe=about.recipe,
        dataset=about.dataset,
        dim=about.dim,
        image_root=about.image_root,
        splits=sorted({row.split for row in plan.rows}),
        engine=plan.engine,
        collection=plan.collection,
        n_images=len(plan.rows),
        n_points=sum(counts.values()),
        digest=plan.digest,
        created_by=engines.created_by(plan.engine),
        files=list_files(drafted),
    )
    (drafted / MANIFEST).write_text(manifest.to_text(), encoding="utf-8")
    return manifest


def _start(drafted: Path, plan: Plan) -> Engine:
    """A new engine: empty, or with the images that the plan takes over from an earlier generation."""
    earlier = plan.earlier
    if earlier and plan.engine == earlier.manifest.engine == engines.EDGE:
        # Hidden files are those that a reader, opening the live engine, is just about to rename over its settings.
        hidden = shutil.ignore_patterns(".*")
        shutil.copytree(earlier.generation / engines.FILES, drafted / engines.FILES, ignore=hidden)
        return engines.open_engine(drafted, earlier.manifest, writable=True)
    engine = engines.create(plan.engine, drafted, plan.collection, plan.about.dim, plan.settings)
    if earlier:
        _take_over(engine, earlier)
    return engine


def _take_over(engine: Engine, earlier: Earlier) -> None:
    """Copy the regions of unchanged images from the earlier engine."""
    kept = {(row.image_id, row.hash) for row in earlier.changes.unchanged}
    source = engines.open_engine(earlier.generation, earlier.manifest)
    try:
        for page in source.points():
            engine.put([point for point in page if (point.image_id, point.hash) in kept])
    finally:
        source.close()


def _write(engine: Engine, images: Iterator[ImageRegions]) -> dict[str, int]:
    """Store all images; returns how many regions each has."""
    counts: dict[str, int] = {}
    while batch := list(islice(images, BATCH)):
        engine.upsert(batch)
        counts |= {image.image_id: len(image.embeddings) for image in batch}
    return counts


def _fitting(regions: Iterable[ImageRegions], rows: Sequence[ImageRow]) -> Iterator[ImageRegions]:
    """Pass on what belongs to a row; each row must get its regions, once."""
    missing = {row.image_id: row for row in rows}
    for image in regions:
        if missing.pop(image.image_id, None) != row_of(image):
            raise ForError(f"image {image.image_id!r} at {image.path!r} was not to be indexed; run `dvc repro`")
        yield image
    if missing:
        came = len(rows) - len(missing)
        raise ForError(f"{len(rows)} images were to be indexed, but {came} came; the old index stays, run `dvc repro`")


def _bar(regions: Iterable[ImageRegions], total: int, progress: bool) -> Iterator[ImageRegions]:
    from rich.console import Console
    from rich.progress import track

    yield from track(regions, "Indexing", total, console=Console(stderr=True), disable=not progress)
