"""What a generation is to hold, known before anything of it is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from for_retrieval.index import engines
from for_retrieval.index.bundles import bundle_digest
from for_retrieval.index.changes import Changes
from for_retrieval.index.manifest import FORMAT, Manifest, generation_name
from for_retrieval.index.table import About, ImageRow, digest_of
from for_retrieval.settings import Settings


@dataclass(frozen=True)
class Earlier:
    """The generation that a new one starts from, and what differs."""

    generation: Path
    manifest: Manifest
    changes: Changes


@dataclass(frozen=True)
class Plan:
    """rows: all images. bundle: the folder that goes with them. settings: which engine.

    earlier: what to start from; the bundle is then its own.
    """

    rows: list[ImageRow]
    about: About
    bundle: Path
    settings: Settings
    earlier: Earlier | None = None

    @property
    def to_write(self) -> list[ImageRow]:
        """The images whose regions are needed."""
        return self.earlier.changes.to_write if self.earlier else self.rows

    @property
    def engine(self) -> str:
        """The kind of engine."""
        return engines.kind_of(self.settings)

    @cached_property
    def bundle_digest(self) -> str:
        """Of the bundle's files; kept over refreshes, whatever was added to the bundle meanwhile."""
        return self.earlier.manifest.bundle if self.earlier else bundle_digest(self.bundle)

    @cached_property
    def digest(self) -> str:
        """Of everything that goes in: the same whether it is built from nothing or from an earlier generation."""
        about = self.about
        return digest_of(
            self.rows,
            format=FORMAT,
            model=about.model,
            recipe=about.recipe,
            bundle=self.bundle_digest,
            dataset=about.dataset,
            dim=about.dim,
            image_root=about.image_root,
            engine=self.engine,
        )

    @property
    def name(self) -> str:
        """Of the generation."""
        return generation_name(self.digest)

    @property
    def collection(self) -> str:
        """Its name on a server; empty for the embedded engine."""
        return f"{self.about.dataset}-{self.name}" if self.engine == engines.SERVER else ""
