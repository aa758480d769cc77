"""Dense labels: what every patch has to tell of the object or tag that covers it."""

from __future__ import annotations

import numpy as np

from catalogue import COLOR_NAMES, NO_DIGIT, NO_TAG, SHAPE_NAMES
from drawing import GRID
from pictures import Item, Picture, Tag

# Class counts of the heads that the vision encoder is trained with; the last class is "none".
PATCH_LABELS = {
    "color": len(COLOR_NAMES) + 1,
    "shape": len(SHAPE_NAMES) + 1,
    "digit": NO_DIGIT + 2,  # of an object without a number, and of no object
    "center_row": GRID + 1,
    "center_column": GRID + 1,
    "middle": 2,  # whether an object's centre is in this patch: one patch an object, for counting
    "tag": NO_TAG + 1,
}
NO_COLOR, NO_SHAPE, NO_OBJECT_DIGIT = (PATCH_LABELS[name] - 1 for name in ("color", "shape", "digit"))
BACKGROUND = [0 if name == "middle" else count - 1 for name, count in PATCH_LABELS.items()]


def object_labels(item: Item) -> tuple[int, ...]:
    """Classes of an object in the order of `PATCH_LABELS`, away from its middle."""
    x, y = item.center
    return item.color, item.shape, item.digit, int(y * GRID), int(x * GRID), 0, NO_TAG


def tag_labels(tag: Tag) -> tuple[int, ...]:
    """Classes of a tag: it has a place too, but no colour, shape or number."""
    column = tag.column + len(tag.patches) // 2
    return NO_COLOR, NO_SHAPE, NO_OBJECT_DIGIT, tag.row, column, 0, tag.tag


def patch_labels(pictures: list[Picture]) -> np.ndarray:
    """Class of every patch per label, int64 `[labels, batch, patches]`."""
    middle = list(PATCH_LABELS).index("middle")
    labels = np.empty((len(PATCH_LABELS), len(pictures), GRID * GRID), dtype=np.int64)
    for index, picture in enumerate(pictures):
        table = np.array(
            [*map(object_labels, picture.objects), *map(tag_labels, picture.tags), BACKGROUND]
        )
        tags = picture.patch_tags.reshape(-1)
        which = np.where(tags >= 0, tags + len(picture.objects), picture.patch_objects.reshape(-1))
        labels[:, index] = table[which].T  # -1 picks the background row
        for item in picture.objects:
            row, column = item.middle
            labels[middle, index, row * GRID + column] = 1
    return labels
