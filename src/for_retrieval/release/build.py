"""Build a generation beside the live one, from nothing or from an earlier one, and check it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from itertools import islice
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash, sync_folder
from for_retrieval.release.engines import FILES, Engine, ImageRegions, Place, engine_class, engine_name, open_engine
from for_retrieval.release.generation import (
    BUNDLE,
    COLLECTION,
    ENGINE_OWNED,
    FORMAT,
    MANIFEST,
    TABLE,
    TEMPORARY,
    About,
    File,
    ImageRow,
    Manifest,
    check_files,
    clear_leftovers,
    generation_name,
    put_aside,
    read_manifest,
    read_table,
    row_of,
)
from for_retrieval.settings import Settings

FILE = "bundle.json"
HIDDEN = shutil.ignore_patterns(".*")
BATCH = 64  # images; larger ones are no faster
PAGE = 500  # regions that are copied from one engine to another at once
Check = Callable[[Path], None]


def bundle_digest(bundle: Path) -> str:
    """A sha256 over names and contents of the bundle's files; ForError if there is no bundle."""
    if not (bundle / FILE).is_file():
        raise ForError(f"{bundle / FILE} does not exist; run `dvc repro export`")
    digest = hashlib.sha256()
    for path in sorted(path for path in bundle.rglob("*") if path.is_file() and not path.name.startswith(".")):
        digest.update(f"{path.relative_to(bundle).as_posix()} {file_hash(path)}\n".encode())
    return digest.hexdigest()


def place_bundle(plan: Plan, target: Path) -> None:
    """Copy the bundle into a new generation, or link the files of one that never change again."""
    digest, copy = plan.bundle_digest, _link if plan.earlier else shutil.copyfile
    shutil.copytree(plan.bundle, target, ignore=HIDDEN, copy_function=copy)
    if not plan.earlier and bundle_digest(target) != digest:  # another process wrote it meanwhile
        raise ForError(f"{plan.bundle} changed while it was copied; run `for-cli index` again")


def _link(path: str, place: str) -> None:
    try:
        os.link(path, place)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, place)


def check_generation(generation: Path) -> Manifest:
    """Read all of a generation; ForError if a file is missing or changed, or a server has another number of regions."""
    manifest = check_files(generation, hash_below=None)
    if engine_class(manifest.engine).remote:  # the files say nothing of what is there
        open_engine(generation, manifest).close()
    return manifest


@contextmanager
def draft(folder: Path, plan: Plan) -> Iterator[Path]:
    """An empty folder beside the generations, removed at the end unless it was published."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
    try:
        if plan.collection:  # recorded, so that it is found after a kill
            (temporary / COLLECTION).write_text(f"{plan.engine} {plan.collection}", encoding="utf-8")
            _sync_tree(temporary)
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def publish(drafted: Path, target: Path) -> None:
    """Put a finished draft in place; a damaged generation of that name is removed."""
    drafted.chmod(0o755)
    _sync_tree(drafted)
    if target.exists():
        put_aside(target)
    drafted.rename(target)
    sync_folder(target.parent)


def _sync_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            with Path(root, name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(root))


@dataclass(frozen=True)
class Earlier:
    """The generation that a new one starts from, and what differs.

    new, changed: images to write; a changed one has another content, path, split or size, or other code made its
    regions. deleted: ids of images that are gone.
    """

    generation: Path
    manifest: Manifest
    table: dict[ImageRow, int]  # as `read_table`
    new: list[ImageRow]
    changed: list[ImageRow]
    deleted: list[str]
    unchanged: list[ImageRow]

    @classmethod
    def of(cls, generation: Path, rows: list[ImageRow], encoder: str) -> Earlier:
        """Compare a generation with `rows`, and its encoder with the one of today; ForError if it is damaged."""
        manifest, table = read_manifest(generation), read_table(generation)
        before, here = {row.image_id for row in table}, {row.image_id for row in rows}
        kept = table if manifest.encoder == encoder else {}  # of regions that other code made none can stay
        new = [row for row in rows if row.image_id not in before]
        changed = [row for row in rows if row.image_id in before and row not in kept]
        deleted = [row.image_id for row in table if row.image_id not in here]
        return cls(generation, manifest, table, new, changed, deleted, [row for row in rows if row in kept])


@dataclass(frozen=True)
class Plan:
    """rows: all images. bundle: its folder, that of `earlier` if there is one to start from. settings: which engine."""

    rows: list[ImageRow]
    about: About
    bundle: Path
    settings: Settings
    earlier: Earlier | None = None

    @property
    def needed(self) -> bool:
        """Whether the result differs from what there is to start from."""
        return self.earlier is None or self.digest != self.earlier.manifest.digest

    @property
    def to_write(self) -> list[ImageRow]:
        """The images whose regions are needed."""
        old = self.earlier
        return sorted([*old.new, *old.changed], key=lambda row: row.image_id) if old else self.rows

    @property
    def engine(self) -> str:
        """The name of the engine."""
        return engine_name(self.settings)

    @cached_property
    def bundle_digest(self) -> str:
        """Of the bundle's files; kept over refreshes, whatever was added to the bundle meanwhile."""
        return self.earlier.manifest.bundle if self.earlier else bundle_digest(self.bundle)

    @cached_property
    def digest(self) -> str:
        """Of everything that goes in: the same whether it is built from nothing or from an earlier generation."""
        shared = {"format": FORMAT, "bundle": self.bundle_digest, "engine": self.engine, **asdict(self.about)}
        digest = hashlib.sha256(json.dumps(shared, sort_keys=True).encode())
        for line in sorted(row.digest for row in self.rows):
            digest.update(line.encode())
        return digest.hexdigest()

    @property
    def name(self) -> str:
        """Of the generation."""
        return generation_name(self.digest)

    @property
    def collection(self) -> str:
        """Its name on a server; empty for an engine in a folder."""
        return f"{self.about.dataset}-{self.name}" if engine_class(self.engine).remote else ""


def build_index(
    folder: Path, plan: Plan, regions: Iterable[ImageRegions], *, progress: bool, check: Check | None = None
) -> Manifest:
    """Build the generation of `plan` at `folder`; what is live stays live. For those who hold the release lock.

    A complete generation of the same content is left as it is, and `regions` are not asked for.

    regions: of plan.to_write, walked once. progress: show a bar on stderr. check: called with the finished draft before
    it is put in place; raises to refuse it. Raises ForError: an image is refused or comes twice, `regions` does not fit
    the plan, what was written cannot be read back, or a server fails.
    """
    if not plan.rows:
        raise ForError("there are no images to index; check data.root and index.gallery in params.yaml")
    seen: set[str] = set()
    for row in plan.rows:
        if row.image_id in seen:
            raise ForError(f"image id {row.image_id!r} comes twice, again as {row.path!r}; make ids unique")
        seen.add(row.image_id)
    clear_leftovers(folder)
    with suppress(ForError):
        if (manifest := check_generation(folder / plan.name)).digest == plan.digest:
            return manifest
    with draft(folder, plan) as drafted:
        try:
            manifest = _fill(drafted, plan, regions, progress)
        except OSError as error:  # a full or broken disk; shutil's own holds a list of (from, to, reason)
            reason = error.strerror or str(error.args[0][0][-1] if isinstance(error.args[0], list) else error)
            raise ForError(f"{folder} cannot be written ({reason}); make room, then run the same again") from None
        open_engine(drafted, manifest).close()  # reads it back, and counts
        if check:
            check(drafted)
        publish(drafted, folder / plan.name)
    return manifest


def _fill(drafted: Path, plan: Plan, regions: Iterable[ImageRegions], progress: bool) -> Manifest:
    """Write everything of a generation into `drafted`, the manifest last."""
    place_bundle(plan, drafted / BUNDLE)
    earlier = plan.earlier
    with closing(_start(drafted, plan)) as engine:
        counts = _write(engine, _fitting(regions, plan.to_write), len(plan.to_write), progress)
        if earlier:
            engine.delete_stale({row.image_id: row.hash for row in earlier.changed} | dict.fromkeys(earlier.deleted))
            counts |= {row.image_id: earlier.table[row] for row in earlier.unchanged}
    with (drafted / TABLE).open("w", encoding="utf-8") as file:
        for row in sorted(plan.rows, key=lambda row: row.image_id):
            values = {**asdict(row), "regions": counts[row.image_id], "digest": row.digest}
            file.write(json.dumps(values, ensure_ascii=False) + "\n")
    unchecked = (*ENGINE_OWNED, MANIFEST)  # all other files must never change again
    paths = sorted(path for path in drafted.rglob("*") if path.is_file() and path.name not in unchecked)
    manifest = Manifest(
        **asdict(plan.about),
        format=FORMAT,
        bundle=plan.bundle_digest,
        splits=sorted({row.split for row in plan.rows}),
        engine=plan.engine,
        collection=plan.collection,
        n_images=len(plan.rows),
        n_points=sum(counts.values()),
        most=max(counts.values(), default=0),
        digest=plan.digest,
        created_by=f"{plan.engine} {version(engine_class(plan.engine).package)}",
        files=[File(path.relative_to(drafted).as_posix(), path.stat().st_size, file_hash(path)) for path in paths],
    )
    # No times and no host names: equal builds are equal bytes.
    text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False)
    (drafted / MANIFEST).write_text(f"{text}\n", encoding="utf-8")
    return manifest


def _start(drafted: Path, plan: Plan) -> Engine:
    """A new engine: empty, or with the images that the plan takes over from an earlier generation."""
    earlier, kind = plan.earlier, engine_class(plan.engine)
    if earlier and plan.engine == earlier.manifest.engine and not kind.remote:
        # Hidden files are those that a reader, opening the live engine, is just about to rename over its settings.
        shutil.copytree(earlier.generation / FILES, drafted / FILES, ignore=HIDDEN)
        return open_engine(drafted, earlier.manifest, writable=True)
    engine = kind.create(Place(drafted / FILES, plan.collection, plan.about.dim, plan.settings))
    if earlier:
        kept = {(row.image_id, row.hash) for row in earlier.unchanged}
        with closing(open_engine(earlier.generation, earlier.manifest)) as source:
            records = source.read(None, vectors=True)
            taken = (one for one in records if (one.payload["image_id"], one.payload["hash"]) in kept)
            while page := list(islice(taken, PAGE)):
                engine.put(page)
    return engine


def _write(engine: Engine, regions: Iterable[ImageRegions], total: int, progress: bool) -> dict[str, int]:
    """Store all images; returns how many regions each has."""
    from rich.console import Console
    from rich.progress import track

    counts: dict[str, int] = {}
    images = iter(track(regions, "Indexing", total, console=Console(stderr=True), disable=not progress))
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
