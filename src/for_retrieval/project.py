"""One project folder: its parameters, its settings, and where each stage writes its files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from for_retrieval.settings import Settings, load_settings

if TYPE_CHECKING:
    from for_retrieval.params import Params


@dataclass(frozen=True)
class Project:
    """A folder with a params.yaml."""

    root: Path

    @cached_property
    def params(self) -> Params:
        """params.yaml, checked; read at first use, since queries do not need it."""
        from for_retrieval.params import load_params

        return load_params(self.root / "params.yaml")

    @cached_property
    def settings(self) -> Settings:
        """Settings of this machine."""
        return load_settings(self.root)

    @property
    def data(self) -> Path:
        """Outputs of the stages."""
        return self.root / "data"

    @property
    def prepared(self) -> Path:
        """The records, and the images of shards."""
        return self.data / "prepared"

    @property
    def heads(self) -> Path:
        """Trained heads, one folder per run."""
        return self.root / "models" / "heads"

    @property
    def bundle(self) -> Path:
        """The exported bundle: the model that the index is built with."""
        return self.root / "models" / "bundle"

    @property
    def index(self) -> Path:
        """Index generations."""
        return self.data / "index"

    @property
    def reports(self) -> Path:
        """Tables and plots for people."""
        return self.root / "reports"

    @property
    def cache(self) -> Path:
        """Features, and checkpoints of unfinished training."""
        return self.root / self.settings.cache
