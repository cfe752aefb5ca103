"""The bundle within a generation: its own copy, so that model and index are one."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.files import file_hash

FILE = "bundle.json"


def bundle_digest(bundle: Path) -> str:
    """A sha256 over names and contents of the bundle's files.

    Raises:
        ForError: there is no bundle.
    """
    if not (bundle / FILE).is_file():
        raise ForError(f"{bundle / FILE} does not exist; run `dvc repro export`")
    digest = hashlib.sha256()
    for path in _files(bundle):
        digest.update(f"{path.relative_to(bundle).as_posix()} {file_hash(path)}\n".encode())
    return digest.hexdigest()


def place_bundle(source: Path, target: Path, digest: str, *, link: bool) -> None:
    """Copy a bundle into a new generation, or link the files of one that never change again.

    Raises:
        ForError: what was copied is not what `digest` was made of: another process wrote the bundle meanwhile.
    """
    for path in _files(source):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not (link and _linked(path, place)):
            shutil.copyfile(path, place)
    if not link and bundle_digest(target) != digest:
        raise ForError(f"{source} changed while it was copied; run `for-cli index` again")


def _files(bundle: Path) -> list[Path]:
    return sorted(path for path in bundle.rglob("*") if path.is_file() and not path.name.startswith("."))


def _linked(path: Path, place: Path) -> bool:
    try:
        os.link(path, place)
    except OSError:  # a file system without hard links
        return False
    return True
