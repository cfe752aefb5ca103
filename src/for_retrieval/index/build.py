"""Build an index beside the live one, verify it, and swap it in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.index.edge import NAME as ENGINE
from for_retrieval.index.edge import EdgeEngine
from for_retrieval.index.generations import building, publish
from for_retrieval.index.manifest import FORMAT, Digest, Manifest, list_files
from for_retrieval.index.manifest import NAME as MANIFEST
from for_retrieval.index.regions import ImageRegions

BATCH = 64  # images; larger ones are no faster


def build_index(
    folder: Path,
    regions: Iterable[ImageRegions],
    *,
    model: str,
    dim: int,
    image_root: str,
    total: int,
    progress: bool,
    keep: int = 2,
) -> Manifest:
    """Index `regions`, walked once, at `folder`, which answers from its old index until the end.

    model: id of the bundle that made the embeddings. dim: their length D. image_root: what image paths
    are relative to. total: how many images there are. progress: show a bar on stderr.
    keep: how many generations stay, the new one included.

    Raises:
        ForError: an image is refused or comes twice, `regions` does not hold `total` images, what was written
            cannot be read back, or another process is building here. The old index stays live.
    """
    if keep < 1:
        raise ValueError(f"keep must be at least 1, not {keep}")
    with building(folder) as temporary:
        digest = Digest(model=model, dim=dim, image_root=image_root, engine=ENGINE)
        images = _once_each(_bar(regions, total, progress))
        n_points, splits = _write(temporary, images, dim, digest)
        _read_back(temporary, dim, n_points)
        manifest = Manifest(
            format=FORMAT,
            model=model,
            dim=dim,
            image_root=image_root,
            splits=sorted(splits),
            n_images=total,
            n_points=n_points,
            digest=digest.hexdigest(),
            created_by=f"{ENGINE} {version('qdrant-edge-py')}",
            files=list_files(temporary),
        )
        (temporary / MANIFEST).write_text(manifest.to_text(), encoding="utf-8")
        return publish(folder, temporary, manifest, keep)


def _write(folder: Path, images: Iterator[ImageRegions], dim: int, digest: Digest) -> tuple[int, set[str]]:
    """Fill an engine in `folder`; returns the number of regions and the names of the splits."""
    n_points = 0
    splits: set[str] = set()
    writer = EdgeEngine.create(folder, dim)
    try:
        while batch := list(islice(images, BATCH)):
            writer.upsert(batch)
            for image in batch:
                digest.add(image)
                splits.add(image.split)
                n_points += len(image.embeddings)
    finally:
        writer.close()
    return n_points, splits


def _bar(regions: Iterable[ImageRegions], total: int, progress: bool) -> Iterator[ImageRegions]:
    """Pass images on, counting them: on stderr where asked to, and against `total` at the end."""
    from rich.console import Console
    from rich.progress import track

    count = 0
    console = Console(stderr=True)
    for image in track(regions, "Indexing", total, console=console, disable=not progress):
        count += 1
        yield image
    if count != total:
        raise ForError(f"{total} images were to be indexed, but {count} came; the old index stays, run `dvc repro`")
    if not count:
        raise ForError("there are no images to index; check data.root and index.gallery in params.yaml")


def _once_each(regions: Iterable[ImageRegions]) -> Iterator[ImageRegions]:
    seen: set[str] = set()
    for image in regions:
        if image.image_id in seen:
            raise ForError(f"image id {image.image_id!r} comes twice, again as {image.path!r}; make ids unique")
        seen.add(image.image_id)
        yield image


def _read_back(folder: Path, dim: int, n_points: int) -> None:
    reader = EdgeEngine.open(folder, dim)
    try:
        if (found := reader.count()) != n_points:
            raise ForError(f"{folder} holds {found} regions after writing {n_points}; is the disk full?")
    finally:
        reader.close()
