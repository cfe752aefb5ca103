"""Which images can be searched, and how a refresh would change what is live. Loads no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from for_retrieval.data.records import Records
from for_retrieval.errors import ForError
from for_retrieval.index.changes import Changes, changes
from for_retrieval.index.engines import kind_of
from for_retrieval.index.live import Served, read_live
from for_retrieval.index.manifest import Manifest, read_manifest
from for_retrieval.index.table import About, ImageRow, read_table
from for_retrieval.project import Project

MAKERS = ("for_retrieval.model.sum_clip", "for_retrieval.model.boxes")  # make regions of features


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
