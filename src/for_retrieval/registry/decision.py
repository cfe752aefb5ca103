"""What the gate decided on a version, and why: for people, for the version's tags, and as an artifact."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Decision:
    """reasons: sentences, the conclusion last. comparison: subset -> champion against challenger, in points.

    champion: the version compared with; None where there was none. forced: promoted although it was refused.
    """

    version: int
    model: str
    generation: str
    champion: int | None
    promoted: bool
    forced: bool
    reasons: list[str]
    comparison: dict[str, Any] = field(default_factory=dict)
    canaries: list[dict[str, Any]] = field(default_factory=list)
    images: int = 0

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def tags(self, time: str) -> dict[str, str]:
        """What the version says of itself in MLflow."""
        outcome = ("forced" if self.forced else "promoted") if self.promoted else "refused"
        return {
            "decision": outcome,
            "decision_time": time,
            "decision_reasons": "\n".join(" ".join(reason.split()) for reason in self.reasons),
            "forced": str(self.forced).lower(),
            "generation": self.generation,
            "compared_with": str(self.champion) if self.champion is not None else "none",
        }
