"""The members of a tar file that nobody vouches for: plain files with safe names, in their order, one at a time."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from for_retrieval.data.images import shown
from for_retrieval.data.problems import is_unicode, leaves
from for_retrieval.errors import ForError


@dataclass(frozen=True)
class Member:
    """One file of a shard: ``sub/0001.cls.txt`` has the key ``sub/0001`` and the ending ``cls.txt``, in lower case."""

    key: str
    ending: str
    content: bytes


def members(shard: Path, wanted: Mapping[str, int]) -> Iterator[Member]:
    """The files of an uncompressed tar that have a wanted ending; `wanted` says how many bytes each may have.

    Nothing is unpacked here, so that links and devices in it can do no harm; they are refused all the same, and so are
    names that lead out of a folder.

    Raises:
        ForError: no tar file, a damaged or cut one, or one with such members or larger ones.
    """
    try:
        with tarfile.open(shard, mode="r:") as archive:
            for entry in archive:
                name = posixpath.normpath(entry.name)
                if entry.isdir():
                    continue
                if not entry.isreg():
                    raise ForError(f"{shown(shard)} holds {entry.name!a}, which is a link or a device; remove it")
                if leaves(name) or not is_unicode(name):
                    raise ForError(f"{shown(shard)} holds {entry.name!a}, which leaves its folder; rename it")
                folder, base = posixpath.split(name)
                if base.startswith("."):
                    continue
                stem, _, ending = base.partition(".")
                if (most := wanted.get(ending.lower())) is None:
                    continue
                if entry.size > most:
                    raise ForError(f"{shown(shard)} holds {name!r} of {entry.size} bytes, more than {most}; remove it")
                file = archive.extractfile(entry)
                assert file is not None  # it is a regular file
                yield Member(posixpath.join(folder, stem), ending.lower(), file.read())
            _require_end(shard, archive.offset)
    except tarfile.TarError as error:
        raise ForError(f"{shown(shard)} is no uncompressed tar file, or damaged ({error}); replace it") from None
    except OSError as error:
        raise ForError(f"{shown(shard)} cannot be read ({error.strerror or error}); replace it") from None


def _require_end(shard: Path, offset: int) -> None:
    """tarfile takes a damaged header for the end; the real end is a block of zeros."""
    with shard.open("rb") as file:
        file.seek(offset)
        block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or any(block):
        raise ForError(f"{shown(shard)} is cut off or damaged after {offset} bytes; replace it")
