"""Generated pictures with more to see: shapes and icons, numbers, tiny words, textures.

A picture has `grid` x `grid` patches of 8 x 8 pixels. Training starts on 12 x 12 with few objects and
ends on 24 x 24 with up to nine. Objects are shapes or icons (glyphs of DejaVu Sans), some with a number.
Tags are tiny words and digits on plates that cover exactly two patches and one. As in `scenes.py`, the
generator knows the truth of every patch.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scenes import COLOR_NAMES, COLORS, NO_DIGIT
from scenes import SHAPE_NAMES as PLAIN_SHAPES
from scenes import choose_look, interpolation, reading_order, shape_mask

PATCH_SIZE = 8
SMALL_GRID, FULL_GRID = 12, 24

ICONS = {
    "sun": "\u2600", "cloud": "\u2601", "umbrella": "\u2602", "phone": "\u260e",
    "anchor": "\u2693", "plane": "\u2708", "flower": "\u273f", "crown": "\u265b",
}
SHAPE_NAMES = [*PLAIN_SHAPES, *ICONS]
TAG_WORDS = ["cat", "dog", "map", "key", "box", "cup", "hat", "bus", "fin", "web", "zip", "oak"]
# Classes of a tag: the words, then the digits, then "no tag here".
TAGS = [*TAG_WORDS, *map(str, range(10))]
NO_TAG = len(TAGS)

MIN_OBJECT_SIZE, MAX_OBJECT_SIZE = 20, 36
MIN_NUMBERED_SIZE = 24
NUMBER_PROBABILITY = 0.7
REPEAT_PROBABILITY = 0.3
OBJECT_GAP = 2
BORDER_MARGIN = 2
MIN_PATCH_COVER = 8
PLACE_UNITS = 24  # an object's centre is told in 24ths of the picture, whatever its size

FONT_FOLDERS = [
    os.environ.get("DEJAVU_FONTS", ""), "/usr/share/fonts/truetype/dejavu",
    "/usr/share/fonts/TTF", "/usr/share/fonts/dejavu",
]


@lru_cache(maxsize=None)
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font of DejaVu (Debian: fonts-dejavu-core); `DEJAVU_FONTS` names another folder."""
    for folder in FONT_FOLDERS:
        path = Path(folder) / f"{name}.ttf"
        if folder and path.exists():
            return ImageFont.truetype(str(path), size)
    raise SystemExit(f"{name}.ttf not found; install fonts-dejavu-core or set DEJAVU_FONTS")


def _written(text: str, face: ImageFont.FreeTypeFont) -> np.ndarray:
    """Ink of a text, cropped, float32 0..1 `[height, width]`."""
    left, top, right, bottom = face.getbbox(text)
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), text, fill=255, font=face)
    return np.asarray(image, dtype=np.float32) / 255


def _centered(ink: np.ndarray, height: int, width: int) -> np.ndarray:
    plate = np.zeros((height, width), dtype=np.float32)
    ink = ink[:height, :width]
    top, left = (height - ink.shape[0]) // 2, (width - ink.shape[1]) // 2
    plate[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return plate


TAG_FACES = [("DejaVuSansMono", 8), ("DejaVuSansMono-Bold", 8), ("DejaVuSansMono-Bold", 7)]
NUMBER_FACES = [
    ("DejaVuSansMono-Bold", 16), ("DejaVuSans-Bold", 14), ("DejaVuSansMono-Bold", 14), ("DejaVuSans", 16),
]


@lru_cache(maxsize=None)
def tag_plate(tag: int, face: int) -> np.ndarray:
    """Ink on a tag's plate: a word on `[8, 16]`, a digit on `[8, 8]`."""
    name, size = TAG_FACES[face]
    word = tag < len(TAG_WORDS)
    ink = _written(TAGS[tag].upper(), font(name, size if word else size + 2))
    return _centered(ink, PATCH_SIZE, PATCH_SIZE * (2 if word else 1))


@lru_cache(maxsize=None)
def number_plate(digit: int, face: int) -> np.ndarray:
    """Ink of the number on an object, with a frame of one pixel."""
    ink = _written(str(digit), font(*NUMBER_FACES[face]))
    return np.pad(ink, 1)


@lru_cache(maxsize=None)
def object_mask(shape: int, size: int) -> np.ndarray:
    """Pixels covered by a shape or an icon, bool `[size, size]`."""
    if shape < len(PLAIN_SHAPES):
        return shape_mask(shape, size)
    ink = _written(ICONS[SHAPE_NAMES[shape]], font("DejaVuSans", 96))
    image = Image.fromarray((ink * 255).astype(np.uint8)).resize((size, size), Image.Resampling.BOX)
    return np.asarray(image) > 110


@dataclass(frozen=True)
class Item:
    """One object; `left`, `top`, `size` in pixels of a picture `extent` pixels wide."""

    shape: int
    color: int
    digit: int
    left: int
    top: int
    size: int
    extent: int

    @property
    def center(self) -> tuple[float, float]:
        """Centre as (x, y) in shares of the picture."""
        return (self.left + self.size / 2) / self.extent, (self.top + self.size / 2) / self.extent

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the 3 x 3 place that holds the centre."""
        x, y = self.center
        return int(y * 3), int(x * 3)

    @property
    def middle(self) -> tuple[int, int]:
        """Row and column of the patch that holds the centre."""
        return (2 * self.top + self.size) // (2 * PATCH_SIZE), (2 * self.left + self.size) // (2 * PATCH_SIZE)


@dataclass(frozen=True)
class Tag:
    """A tiny word or digit whose plate starts at patch (`row`, `column`)."""

    tag: int
    row: int
    column: int
    grid: int

    @property
    def is_word(self) -> bool:
        """Whether it is a word; a word covers two patches, a digit one."""
        return self.tag < len(TAG_WORDS)

    @property
    def patches(self) -> list[tuple[int, int]]:
        """The patches it covers, as (row, column)."""
        return [(self.row, self.column + step) for step in range(2 if self.is_word else 1)]

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the 3 x 3 place that holds it."""
        third = self.grid // 3
        return self.row // third, self.column // third


@dataclass
class Picture:
    """Objects in reading order, tags, and what covers each patch, -1 for nothing `[grid, grid]`."""

    objects: list[Item]
    tags: list[Tag]
    patch_objects: np.ndarray
    patch_tags: np.ndarray
    grid: int = field(default=FULL_GRID)


def draw_background(noise: np.random.Generator, size: int) -> np.ndarray:
    """Smooth coloured noise with grain, on half of the pictures a faint grating; float32 0-255."""
    image = noise.standard_normal((size, size, 3), dtype=np.float32)
    image *= 8
    image += 122
    per_96 = size / 96
    for points, strength in ((4, 20.0), (8, 14.0)):
        count = max(2, round(points * per_96))
        coarse = noise.standard_normal((count, count, 3), dtype=np.float32) * strength
        weights = interpolation(count, size)
        rows = np.tensordot(weights, coarse, 1)
        image += np.matmul(weights, rows)
    if noise.random() < 0.5:
        angle, period = noise.uniform(0, np.pi), noise.uniform(5, 16)
        axis = np.arange(size, dtype=np.float32)
        wave = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
        tint = noise.uniform(3, 11, 3).astype(np.float32)
        image += np.sin(wave * np.float32(2 * np.pi / period))[..., None] * tint
    return image


def _texture(choice: random.Random, size: int) -> np.ndarray | float:
    """A factor on an object's brightness: plain, stripes, checks or dots."""
    kind = choice.randrange(6)
    if kind > 2:
        return 1.0
    y, x = np.mgrid[:size, :size].astype(np.float32)
    step, depth = choice.randint(3, 5), choice.uniform(0.1, 0.22)
    if kind == 0:
        dark = ((x if choice.random() < 0.5 else y) // step) % 2
    elif kind == 1:
        dark = (x // step + y // step) % 2
    else:
        dark = np.hypot(x % (2 * step) - step, y % (2 * step) - step) < step * 0.6
    return 1 - depth * np.asarray(dark, dtype=np.float32)[..., None]


def _clear(box: tuple[int, int, int, int], taken: list[tuple[int, int, int, int]], gap: int) -> bool:
    left, top, right, bottom = box
    return not any(
        left < r + gap and l < right + gap and top < b + gap and t < bottom + gap
        for l, t, r, b in taken
    )


def _near_border(center: float, extent: int) -> bool:
    return min(abs(center - extent / 3), abs(center - extent * 2 / 3)) < BORDER_MARGIN


def _place_tags(
    choice: random.Random, grid: int, taken: list[tuple[int, int, int, int]]
) -> list[Tag]:
    """Tags in different places of the nine; no word or digit twice."""
    most = 2 if grid == SMALL_GRID else 4
    tags: list[Tag] = []
    for _ in range(choice.randint(1, most)):
        word = choice.random() < 0.55
        tag = choice.randrange(len(TAG_WORDS)) if word else len(TAG_WORDS) + choice.randrange(10)
        if any(tag == other.tag for other in tags):
            continue
        third, width = grid // 3, 2 if word else 1
        for _ in range(12):
            column = choice.randrange(3) * third + choice.randrange(third - width + 1)
            placed = Tag(tag, choice.randrange(grid), column, grid)
            if any(placed.place == other.place for other in tags):
                continue
            left, top = column * PATCH_SIZE, placed.row * PATCH_SIZE
            box = (left, top, left + width * PATCH_SIZE, top + PATCH_SIZE)
            if _clear(box, taken, 0):
                taken.append(box)
                tags.append(placed)
                break
    return tags


def _place_object(
    choice: random.Random, placed: list[Item], taken: list[tuple[int, int, int, int]], extent: int
) -> Item | None:
    for _ in range(30):
        size = choice.randint(MIN_OBJECT_SIZE, MAX_OBJECT_SIZE)
        left, top = choice.randint(0, extent - size), choice.randint(0, extent - size)
        if _near_border(left + size / 2, extent) or _near_border(top + size / 2, extent):
            continue
        box = (left, top, left + size, top + size)
        if not _clear(box, taken, OBJECT_GAP):
            continue
        color, shape = choose_look(choice, placed, len(SHAPE_NAMES), REPEAT_PROBABILITY)
        if any((color, shape) == (other.color, other.shape) for other in placed):
            continue
        numbered = size >= MIN_NUMBERED_SIZE and choice.random() < NUMBER_PROBABILITY
        taken.append(box)
        return Item(
            shape, color, choice.randrange(10) if numbered else NO_DIGIT, left, top, size, extent
        )
    return None


def _draw_object(item: Item, index: int, image: np.ndarray, owner: np.ndarray, choice: random.Random) -> None:
    region = np.s_[item.top : item.top + item.size, item.left : item.left + item.size]
    mask = object_mask(item.shape, item.size)
    base = np.array([value + choice.uniform(-16, 16) for value in COLORS[COLOR_NAMES[item.color]]])
    filled = base * _texture(choice, item.size) + (image[region] - 122) * 0.12
    image[region] = np.where(mask[..., None], filled, image[region])
    owner[region][mask] = index
    if item.digit != NO_DIGIT:
        ink = number_plate(item.digit, choice.randrange(len(NUMBER_FACES)))[..., None]
        height, width = ink.shape[:2]
        top, left = item.top + (item.size - height) // 2, item.left + (item.size - width) // 2
        region = np.s_[top : top + height, left : left + width]
        paper, pen = (18.0, 250.0) if choice.random() < 0.7 else (250.0, 18.0)
        image[region] = paper + (pen - paper) * ink
        owner[region] = index


def _draw_tag(tag: Tag, image: np.ndarray, choice: random.Random) -> None:
    ink = tag_plate(tag.tag, choice.randrange(len(TAG_FACES)))[..., None]
    top, left = tag.row * PATCH_SIZE, tag.column * PATCH_SIZE
    paper, pen = choice.uniform(215, 250), choice.uniform(10, 50)
    if choice.random() < 0.4:
        paper, pen = pen, paper
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = paper + (pen - paper) * ink


def generate_pictures(seed: tuple[int, ...], count: int, grid: int) -> tuple[np.ndarray, list[Picture]]:
    """Draw pictures that depend on the seed alone: uint8 `[count, size, size, 3]`, and their truth."""
    noise = np.random.default_rng(list(seed))
    choice = random.Random(".".join(map(str, seed)))
    extent = grid * PATCH_SIZE
    fewest, most = (2, 4) if grid == SMALL_GRID else (4, 9)
    images = np.empty((count, extent, extent, 3), dtype=np.uint8)
    pictures = []
    for number in range(count):
        image = draw_background(noise, extent)
        placed: list[Item] = []
        while len(placed) < 2:
            taken: list[tuple[int, int, int, int]] = []
            tags = _place_tags(choice, grid, taken)
            placed = []
            for _ in range(choice.randint(fewest, most)):
                item = _place_object(choice, placed, taken, extent)
                if item is not None:
                    placed.append(item)
        placed.sort(key=reading_order)
        owner = np.full((extent, extent), -1, dtype=np.int8)
        for index, item in enumerate(placed):
            _draw_object(item, index, image, owner, choice)
        patch_tags = np.full((grid, grid), -1, dtype=np.int64)
        for index, tag in enumerate(tags):
            _draw_tag(tag, image, choice)
            for row, column in tag.patches:
                patch_tags[row, column] = index
        tiles = owner.reshape(grid, PATCH_SIZE, grid, PATCH_SIZE)
        cover = np.stack([(tiles == index).sum(axis=(1, 3)) for index in range(len(placed))])
        patch_objects = np.where(cover.max(axis=0) >= MIN_PATCH_COVER, cover.argmax(axis=0), -1)
        for index, item in enumerate(placed):
            patch_objects[item.middle] = index  # also where a ring is empty
        patch_objects[patch_tags >= 0] = -1
        images[number] = np.clip(image, 0, 255)
        pictures.append(Picture(placed, tags, patch_objects, patch_tags, grid))
    return images, pictures


# Dense labels per patch: class counts of the heads that the vision encoder is trained with.
PATCH_LABELS = {
    "color": len(COLOR_NAMES) + 1,  # the last class is background
    "shape": len(SHAPE_NAMES) + 1,
    "digit": NO_DIGIT + 2,
    "center_row": PLACE_UNITS + 1,
    "center_column": PLACE_UNITS + 1,
    "middle": 2,  # whether an object's centre is in this patch: one patch an object, for counting
    "tag": NO_TAG + 1,
}


def object_labels(item: Item) -> tuple[int, ...]:
    """Classes of an object in the order of `PATCH_LABELS`, away from its middle."""
    x, y = item.center
    return item.color, item.shape, item.digit, int(y * PLACE_UNITS), int(x * PLACE_UNITS), 0, NO_TAG


def tag_labels(tag: Tag) -> tuple[int, ...]:
    """Classes of a tag: it has a place too, but no colour, shape or number."""
    unit = PLACE_UNITS / tag.grid
    row = int((tag.row + 0.5) * unit)
    column = int((tag.column + len(tag.patches) / 2) * unit)
    none = [count - 1 for count in PATCH_LABELS.values()]
    return none[0], none[1], none[2], row, column, 0, tag.tag


def patch_labels(pictures: list[Picture]) -> np.ndarray:
    """Class of every patch per label, int64 `[labels, batch, patches]`."""
    background = [0 if name == "middle" else count - 1 for name, count in PATCH_LABELS.items()]
    middle = list(PATCH_LABELS).index("middle")
    patches = pictures[0].grid ** 2
    labels = np.empty((len(PATCH_LABELS), len(pictures), patches), dtype=np.int64)
    for index, picture in enumerate(pictures):
        table = np.array(
            [*map(object_labels, picture.objects), *map(tag_labels, picture.tags), background]
        )
        tags = picture.patch_tags.reshape(-1)
        which = np.where(tags >= 0, tags + len(picture.objects), picture.patch_objects.reshape(-1))
        labels[:, index] = table[which].T  # -1 picks the background row
        for item in picture.objects:
            row, column = item.middle
            labels[middle, index, row * picture.grid + column] = 1
    return labels
