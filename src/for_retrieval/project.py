"""One project folder: its parameters, its settings, and where each stage writes its files."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from for_retrieval.settings import Settings, load_settings

if TYPE_CHECKING:
    from for_retrieval.params import Params


class Project:
    """A folder with a params.yaml."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"  # outputs of the stages
        self.prepared = self.data / "prepared"  # the records, and the images of shards
        self.heads = root / "models" / "heads"  # trained heads, one folder per run
        self.bundle = root / "models" / "bundle"  # the exported bundle: the model that the index is built with
        self.index = self.data / "index"  # index generations
        self.reports = root / "reports"  # tables and plots for people

    @cached_property
    def params(self) -> Params:
        """params.yaml, checked; queries do not need it."""
        from for_retrieval.params import load_params

        return load_params(self.root / "params.yaml")

    @cached_property
    def settings(self) -> Settings:
        """Settings of this machine."""
        return load_settings(self.root)

    @property
    def cache(self) -> Path:
        """Features, and checkpoints of unfinished training."""
        return self.root / self.settings.cache
