"""The stage `index`: build the generation of the exported bundle, beside the one that serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from for_retrieval.data.records import Records
from for_retrieval.files import read_json
from for_retrieval.index.build import build_index
from for_retrieval.index.gallery import gallery_rows, recipe
from for_retrieval.index.gallery_regions import gallery_regions
from for_retrieval.index.live import is_live, record_candidate, switch
from for_retrieval.index.manifest import Manifest, generation_name, read_manifest
from for_retrieval.index.plan import Plan
from for_retrieval.index.table import About
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.model.tower import Tower
from for_retrieval.project import Project

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Built:
    """What the stage left. note: what it did about serving; empty where there was nothing to do."""

    generation: str
    manifest: Manifest
    note: str


def build_candidate(project: Project, records: Records, tower: Tower, head: SumClip, device: torch.device) -> Built:
    """Build the generation of models/bundle for the gallery and record it as the candidate.

    It goes live only where nothing else should go on serving: see `settle`.

    Raises:
        ForError: a stage before it has not run, or the build fails.
    """
    rows = gallery_rows(records, project.params.index.gallery)
    model = str(read_json(project.bundle / "bundle.json", "run `dvc repro export`")["model"])
    about = About(model, recipe(), records.info.name, tower.dim, records.info.root)
    notes: list[str] = []
    manifest = build_index(
        project.index,
        Plan(rows, about, project.bundle, project.settings),
        gallery_regions(rows, tower, head, project.cache, device),
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
