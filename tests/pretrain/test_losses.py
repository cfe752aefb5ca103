"""The objectives of the tower's own training against a slow reading of their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pretrain.losses import both_ways, contrast, keep_photographs
from torch import Tensor


def naive_rows(logits: Tensor, positive: Tensor) -> list[float]:
    """The loss of each row that has a positive."""
    out = []
    for x, p in zip(logits.tolist(), positive.tolist(), strict=True):
        rest = sum(math.exp(value) for value, hit in zip(x, p, strict=True) if not hit)
        terms = [math.log(math.exp(v) + rest) - v for v, hit in zip(x, p, strict=True) if hit]
        out += [sum(terms) / len(terms)] if terms else []
    return out


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31))
def test_contrast_is_its_formula_both_ways(n: int, m: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.rand(n, m, generator=generator, dtype=torch.float64)
    positive = torch.rand(n, m, generator=generator) < 0.4
    positive[0, 0] = True
    rows, columns = (naive_rows(*pair) for pair in ((logits, positive), (logits.T, positive.T)))
    assert contrast(logits, positive).item() == pytest.approx(sum(rows) / len(rows), rel=1e-6, abs=1e-9)
    total = sum(rows) / len(rows) + sum(columns) / len(columns)
    assert both_ways(logits, positive).item() == pytest.approx(total, rel=1e-6, abs=1e-9)


def test_photographs_cost_nothing_where_nothing_has_changed() -> None:
    student, logits = torch.randn(5, 8), torch.randn(5, 10)
    assert keep_photographs(student, 3 * student, logits, logits).item() == pytest.approx(0, abs=1e-6)
    turned = keep_photographs(-student, student, logits, logits).item()
    assert turned == pytest.approx(4, abs=1e-5)  # 2 x (1 - cos 180 degrees)
    assert keep_photographs(student, student, logits, torch.randn(5, 10)).item() > 0.01
