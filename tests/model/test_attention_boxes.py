"""Attention maps as boxes."""

from __future__ import annotations

import numpy as np

from for_retrieval.model.sum_clip import attention_boxes


def test_box_around_the_peak_only() -> None:
    attention = np.zeros((3, 3, 4), np.float32)
    attention[0, 1, 1:3] = (0.6, 0.4)  # two cells side by side
    attention[1, 0, 0], attention[1, 2, 3] = 0.5, 0.45  # a second region far from the peak
    attention[2] = 1 / 12  # everywhere
    found = attention_boxes(attention.reshape(3, 12), (3, 4), width=400, height=150)
    np.testing.assert_allclose(found, [[100, 50, 200, 50], [0, 0, 100, 50], [0, 0, 400, 150]])
