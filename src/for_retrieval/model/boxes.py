"""Where a query looked: attention maps as boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SHARE = 0.5  # of the peak; cells above it that touch the peak form the region


def attention_boxes(
    attention: NDArray[np.float32], grid: tuple[int, int], width: int, height: int
) -> NDArray[np.float32]:
    """The region around each query's peak: [K, N] -> [K, 4] as x, y, w, h in pixels of the image."""
    boxes = np.empty((len(attention), 4), np.float32)
    for k, row in enumerate(attention.reshape(-1, *grid)):
        labels, _ = ndimage.label(row >= SHARE * row.max())
        peak = np.unravel_index(int(row.argmax()), grid)
        rows, columns = ndimage.find_objects(labels)[labels[peak] - 1]
        boxes[k] = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    return boxes * np.asarray([width / grid[1], height / grid[0]] * 2, np.float32)
