"""The gate: whether a challenger is better than the champion, or chance may have made it look so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SLACK = 1e-9  # points; a mean of equal numbers is not always that number


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same categories, in points (0 to 100).

    low, high: of the difference, challenger minus champion; with the confidence of the gate it is at least `low`,
    and with the same confidence at most `high`.
    """

    champion: float
    challenger: float
    difference: float
    low: float
    high: float
    categories: int

    def to_json(self) -> dict[str, Any]:
        """Rounded to hundredths."""
        return {name: round(value, 2) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Verdict:
    """reasons: a sentence for each subset, and one for the whole. comparison: by subset."""

    passed: bool
    reasons: list[str]
    comparison: dict[str, Comparison]


def compare(champion: Floats, challenger: Floats, resamples: int, confidence: float, seed: int) -> Comparison:
    """Paired bootstrap over categories: AP of each [n >= 1] under either model, in the same order.

    Categories are drawn with replacement, `resamples` times; each time the difference of the means is taken.
    """
    differences = challenger - champion
    drawn = np.random.default_rng(seed).integers(len(differences), size=(resamples, len(differences)))
    means = differences[drawn].mean(1)
    return Comparison(
        champion=float(champion.mean()),
        challenger=float(challenger.mean()),
        difference=float(differences.mean()),
        low=float(np.quantile(means, 1 - confidence)),
        high=float(np.quantile(means, confidence)),
        categories=len(differences),
    )


def decide(
    champion: Mapping[str, Floats],
    challenger: Mapping[str, Floats],
    *,
    tolerance: float,
    confidence: float,
    resamples: int,
    seed: int,
) -> Verdict:
    """Compare on each subset (base, novel); the challenger passes if none is worse by more than `tolerance`, and
    one is better.

    Both with `confidence`: not worse means ``low >= -tolerance``, better means ``low > 0``. A subset without
    categories does not count.

    Args:
        champion, challenger: subset -> AP of its categories, in the same order.
    """
    found = {
        name: compare(values, challenger[name], resamples, confidence, seed)
        for name, values in champion.items()
        if len(values)
    }
    reasons = [_sentence(name, c, tolerance, confidence) for name, c in found.items()]
    worse = [name for name, c in found.items() if c.low < -tolerance - SLACK]
    better = [name for name, c in found.items() if c.low > SLACK]
    if worse:
        reasons.append(f"refused: {' and '.join(worse)} may be worse by more than {tolerance:g} points")
    elif not better:
        reasons.append("refused: no worse, but neither base nor novel is better")
    else:
        reasons.append(f"passed: {' and '.join(better)} better, nothing worse by more than {tolerance:g} points")
    return Verdict(bool(better) and not worse, reasons, found)


def _sentence(name: str, c: Comparison, tolerance: float, confidence: float) -> str:
    sure = f"{confidence:.0%} sure of {c.low:+.2f} or more"
    if c.low > SLACK:
        verdict = "better"
    elif c.low >= -tolerance - SLACK:
        verdict = "no worse"
    else:
        verdict = "perhaps worse" if c.high > -tolerance else "worse"
    return (
        f"{name}: {c.champion:.2f} -> {c.challenger:.2f}, {c.difference:+.2f} points of mAP@50 r40 over "
        f"{c.categories} categories ({sure}): {verdict}"
    )
