"""Generations of the gallery: built from nothing by the stage `index`, brought up to date where images have changed.

What is new, changed or deleted is one question with one answer: the files in data.root as they are now against the
table of a generation, by content hash. Only what differs is encoded and written.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from for_retrieval.errors import ForError
from for_retrieval.files import read_json
from for_retrieval.model.identity import model_id
from for_retrieval.project import Project
from for_retrieval.records.prepare import is_current, prepare, records_now
from for_retrieval.records.records import Records, load_records
from for_retrieval.release.build import Earlier, Plan, build_index, check_generation
from for_retrieval.release.engines import ImageRegions
from for_retrieval.release.generation import About, ImageRow, Manifest, bundle_of, find_manifest, one_set
from for_retrieval.release.pointer import Entry, Say, add_candidate, find_pointer, go_live, read_pointer, release_lock

if TYPE_CHECKING:
    from for_retrieval.model.model import Model
    from for_retrieval.records.checks.tables import Profile

BATCH = 256  # images
OTHER_SET = "run `dvc repro`, or `for-cli index` if that has nothing to do"


def gallery_rows(records: Records, splits: Sequence[str]) -> list[ImageRow]:
    """The images of `splits`, by image id; ForError if there are none."""
    images = records.images[records.images["split"].isin(splits)]
    if images.empty:
        raise ForError(
            f"the splits {', '.join(splits)} of {records.info.name} hold no images to search; "
            "set index.gallery in params.yaml"
        )
    columns = list(ImageRow.__dataclass_fields__)
    return [ImageRow(*values) for values in images[columns].itertuples(index=False, name=None)]


def gallery_regions(rows: Sequence[ImageRow], model: Model, cache: Path) -> Iterator[ImageRegions]:
    """The regions of every image in `rows`, in their order; ForError if one has no features yet."""
    import numpy as np

    store = model.store(cache)
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        summary = model.regions(store.load([row.hash for row in batch]))
        centres, sizes = np.split(summary.boxes.cpu().numpy(), 2, axis=-1)
        sides = np.array([[row.width, row.height] for row in batch], np.float32)[:, None]
        first, last = ((centres + half * sizes).clip(0, 1) * sides for half in (-0.5, 0.5))
        boxes = np.concatenate([first, last - first], axis=-1)
        regions, objectness = summary.regions.cpu().numpy(), summary.objectness.cpu().numpy()
        for k, row in enumerate(batch):
            yield ImageRegions(**asdict(row), embeddings=regions[k], boxes=boxes[k], objectness=objectness[k])


def plan_update(project: Project, records: Records, generation: str) -> Plan:
    """What brings a generation up to date with `records`, without torch; ForError if damaged or of another set."""
    rows, bundle = gallery_rows(records, project.params.index.gallery), bundle_of(project.index, generation)
    try:
        encoder = model_id(read_json(bundle / "bundle.json", "run `for-cli index`"))
    except (KeyError, TypeError):
        raise ForError(f"{bundle} is damaged or was written by an earlier version; run `for-cli index`") from None
    earlier = Earlier.of(project.index / generation, rows, encoder)
    manifest = earlier.manifest
    if not one_set(manifest, records.info.name, records.info.root, lambda: (earlier.table, rows)):
        raise ForError(
            f"{generation} is of {manifest.dataset} (images in {manifest.image_root}), but params.yaml names "
            f"{records.info.name} (images in {records.info.root}), which shares no image with it; {OTHER_SET}"
        )
    about = About(manifest.model, encoder, manifest.dataset, manifest.dim, records.info.root)
    return Plan(rows, about, bundle, project.settings, earlier)


def counted(plan: Plan) -> dict[str, int]:
    """How many images `plan_update` found new, changed and deleted."""
    assert plan.earlier
    return {name: len(getattr(plan.earlier, name)) for name in ("new", "changed", "deleted")}


def apply_update(
    project: Project,
    records: Records,
    plan: Plan,
    *,
    verified: bool,
    progress: bool,
    say: Say | None = None,
    child: subprocess.Popen[str] | None = None,
) -> tuple[Model, int, float | None]:
    """Check the set, then build what `plan_update` planned, with the model of the generation; it does not serve yet.

    For those who hold the release lock. Returns the model, how many images had no features yet, and the recall: None
    where it was left to the caller, or the generation was there already. verified: check it against the exact evaluator
    before it is put in place. say, child: see `_checking`. Raises ForError: the set fails its checks, the old
    generation is damaged, an image cannot be read, or the new generation does not pass its verification.
    """
    with _checking(project, records, say, child) as require_checked:
        # Only now: a refresh with nothing to do, as most are, loads no torch.
        from for_retrieval.release.verify import load_model, verify_generation

        model = load_model(project, plan.bundle)
        require_checked()
    if plan.earlier:
        check_generation(plan.earlier.generation)
    encoded = model.encode(project, records, project.params.index.gallery)
    recalls: list[float] = []

    def check(drafted: Path) -> None:
        report = verify_generation(drafted, model, project.cache, records, project.params.promote.recall)
        if not report.ok:
            raise ForError(f"the refreshed index is refused: {'; '.join(report.problems)}; the old one goes on serving")
        recalls.append(report.recall)

    regions = gallery_regions(plan.to_write, model, project.cache)
    build_index(project.index, plan, regions, progress=progress, check=check if verified else None)
    return model, encoded, recalls[0] if recalls else None


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
    nothing_to_do: bool  # the pointer was left alone


def refresh(project: Project, *, wait: bool = False, progress: bool = True, say: Say | None = None) -> Refreshed:
    """Take up new, changed and deleted files with the live model: prepare, check, encode, index, verify, go live.

    Queries are answered from the old generation until the new one is complete. wait: for whoever holds the release
    lock, instead of failing; `say` is told of it. Raises Busy: another process holds the lock. ForError: nothing is
    live, or it is of another set; the set fails its checks; the model cannot be rebuilt; the new generation does not
    pass its verification; or something else went live meanwhile. The old one stays.
    """
    with release_lock(project.root, "index refresh", wait=wait, say=say), ExitStack() as until_the_end:
        live = read_pointer(project.index).live
        if live.dataset != project.params.data.name:
            raise ForError(
                f"the live index is of {live.dataset}, but params.yaml names {project.params.data.name}; {OTHER_SET}"
            )
        child = None if is_current(project) else until_the_end.enter_context(_validator(project))
        records = take_up(project)
        plan = plan_update(project, records, live.generation)
        counts = counted(plan)
        counts["unchanged"] = len(plan.rows) - counts["new"] - counts["changed"]
        if not plan.needed:
            name, encoded, recall = live.generation, 0, None
        else:
            name = plan.name
            done = apply_update(project, records, plan, verified=True, progress=progress, say=say, child=child)
            _, encoded, recall = done
            go_live(project.index, name, live.version, project.settings.keep_generations, over=live)
        about: dict[str, Any] = {**counts, "encoded": encoded, "recall": recall, "nothing_to_do": not plan.needed}
        return Refreshed(live.generation, name, live.version, **about)


def take_up(project: Project) -> Records:
    """The records of the files as they are now, in data/prepared as the stage `prepare` leaves them.

    For those who hold the release lock. Files that are known by size and time of change are not read again.
    """
    if is_current(project):
        return load_records(project.prepared)
    return prepare(project.params, project.root, project.prepared, project.settings.processes, project.cache)


@contextmanager
def _validator(project: Project) -> Iterator[subprocess.Popen[str]]:
    """A process that loads what `validate` needs, which takes seconds, and runs it when its stdin ends with a line."""
    command = [sys.executable, "-c", _VALIDATOR, "--project", str(project.root), "validate"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()  # where it is still running, nothing is to be checked, or something else has failed


_VALIDATOR = """
import contextlib, sys
from for_retrieval.cli import main
with contextlib.suppress(ImportError):  # `main` has a sentence for it
    import for_retrieval.records.checks.suite
if sys.stdin.read():  # nothing comes from a parent that was killed
    main()
"""


@contextmanager
def _checking(
    project: Project, records: Records, say: Say | None = None, child: subprocess.Popen[str] | None = None
) -> Iterator[Callable[[], None]]:
    """Check the prepared set before anything is made of it, as the stages `fractions` and `validate` do.

    It is done once for each state of the set, in a process beside this one: Great Expectations and torch both take
    seconds to load. Yields a function that waits for the end of it and raises ForError if the set has failed.

    child: a `_validator` that was started before.
    """
    if _checked(project, records):
        yield lambda: None
        return
    from for_retrieval.records.fractions import make_fraction, save_fraction

    params = project.params
    for percent in params.fractions.percent:
        chosen = make_fraction(records, percent, params.fractions.min_images, params.seed)
        save_fraction(project.data / "fractions", percent, chosen)
    with nullcontext(child) if child else _validator(project) as validator:
        assert validator.stdin
        with suppress(BrokenPipeError):  # it has died: `wait` says why
            validator.stdin.write("go\n")
            validator.stdin.close()

        def wait() -> None:
            assert validator.stderr
            text = validator.stderr.read()
            if validator.wait():
                raise ForError(text.partition("error: ")[2].strip() or f"the stage validate failed: {text[-300:]}")
            for line in text.splitlines():
                if line.startswith("warning: ") and say:
                    say(line)

        yield wait


def _checked(project: Project, records: Records) -> bool:
    """Whether the set has passed its checks as it is now."""
    with suppress(ForError, KeyError, TypeError):
        last = read_json(project.reports / "validation.json")
        return bool(last["digest"] == records.info.digest and last["success"])
    return False


def accepted_profile(folder: Path) -> Profile | None:
    """The profile of the set that the live generation was built from, which drift is measured against."""
    from for_retrieval.records.checks.run import PROFILE

    pointer = find_pointer(folder)
    path = bundle_of(folder, pointer.live.generation) / PROFILE if pointer else None
    return read_json(path, "run `for-cli index`") if path and path.exists() else None


@dataclass(frozen=True)
class Status:
    """generations: one entry each, the live one first. waiting: what a refresh would do; None: unknown, and why."""

    generations: list[dict[str, Any]]
    waiting: dict[str, int] | None
    why: str


def status(project: Project) -> Status:
    """Look at the index of a project and the files of its set, without torch; ForError as for `read_pointer`."""
    pointer = read_pointer(project.index)
    entries = [_described(project.index, "live", pointer.live)]
    entries += [_described(project.index, "previous", entry) for entry in pointer.previous]
    if pointer.candidate and all(pointer.candidate.generation != entry["generation"] for entry in entries):
        entries.append(_described(project.index, "candidate", pointer.candidate))
    try:
        return Status(entries, counted(plan_update(project, records_now(project), pointer.live.generation)), "")
    except ForError as error:
        return Status(entries, None, str(error))


def _described(folder: Path, role: str, entry: Entry) -> dict[str, Any]:
    about: dict[str, Any] = {"role": role, **asdict(entry)}
    del about["manifest"]
    if manifest := find_manifest(folder / entry.generation):
        return {**about, "engine": manifest.engine, "images": manifest.n_images, "regions": manifest.n_points}
    return {**about, "problem": "its manifest is damaged; run `for-cli index` to rebuild it"}


def build_candidate(project: Project) -> tuple[Manifest, str]:
    """Build the generation of the gallery with the model in models/bundle, and make it the candidate.

    For those who hold the release lock. It serves only where no champion of its set does: see `add_candidate`, which
    says so in the second value; empty where there was nothing to do. Raises ForError: a stage before it has not run, or
    the build fails.
    """
    from for_retrieval.model.model import Model
    from for_retrieval.model.tower import find_device

    records = load_records(project.prepared)
    model = Model.load(project.bundle, project.root, find_device(project.settings.device))
    rows = gallery_rows(records, project.params.index.gallery)
    registered = str(read_json(project.bundle / "bundle.json", "run `dvc repro export`")["model"])
    about = About(registered, model.id, records.info.name, model.tower.layout.dim, records.info.root)
    plan = Plan(rows, about, project.bundle, project.settings)
    manifest = build_index(project.index, plan, gallery_regions(rows, model, project.cache), progress=True)
    return manifest, add_candidate(project.index, plan.name, project.settings.keep_generations)
