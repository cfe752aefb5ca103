"""What differs between the live generation and the images as they are now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from for_retrieval.index.table import ImageRow


@dataclass(frozen=True)
class Changes:
    """Images that are new, those whose content, path, split or size changed, and ids of those that are gone."""

    new: list[ImageRow]
    changed: list[ImageRow]
    deleted: list[str]
    unchanged: list[ImageRow]

    @property
    def to_write(self) -> list[ImageRow]:
        """What must be written, by image id."""
        return sorted([*self.new, *self.changed], key=lambda row: row.image_id)

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.deleted)


def changes(old: Iterable[ImageRow], now: Iterable[ImageRow]) -> Changes:
    """Compare by image id."""
    before = {row.image_id: row for row in old}
    rows = list(now)
    here = {row.image_id for row in rows}
    return Changes(
        new=[row for row in rows if row.image_id not in before],
        changed=[row for row in rows if before.get(row.image_id, row) != row],
        deleted=[image_id for image_id in before if image_id not in here],
        unchanged=[row for row in rows if before.get(row.image_id) == row],
    )
