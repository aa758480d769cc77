"""Questions about a picture that have exactly one answer, and descriptions of its rows.

The kinds are those of `questions.py`, and *detail*: a tiny word or digit that covers two patches or one.
A question names its objects or tags in `referents`, as (word index, index); tags count on from the
objects.
"""

from __future__ import annotations

import random

import questions
from questions import Forms, ObjectQuestions, Question, article, occurrences
from scenes import COLOR_NAMES, COLUMN_NAMES, NO_DIGIT, ROW_NAMES, place_name

from .pictures import Picture, SHAPE_NAMES, TAGS
from .words import PLURALS

# The margin in shares of the picture.
OBJECTS = ObjectQuestions(SHAPE_NAMES, PLURALS, margin=0.1, all_share=0.15)


def ask_exist(picture: Picture, choice: random.Random) -> Question | None:
    """Is there such an object: yes and no equally often, mostly with near misses for no."""
    truth = choice.random() < 0.5
    index = choice.randrange(len(picture.objects))
    color, shape = picture.objects[index].color, picture.objects[index].shape
    form = choice.random()
    if form < 0.1:  # a colour
        if not truth:
            present = {item.color for item in picture.objects}
            absent = [c for c in range(len(COLOR_NAMES)) if c not in present]
            if not absent:
                return None
            color = choice.choice(absent)
        noun, unique = f"{COLOR_NAMES[color]} object", occurrences(picture, "color", color) == 1
    elif form < 0.25:  # a shape
        if not truth:
            present = {item.shape for item in picture.objects}
            shape = choice.choice([s for s in range(len(SHAPE_NAMES)) if s not in present])
        noun, unique = SHAPE_NAMES[shape], occurrences(picture, "shape", shape) == 1
    else:
        if not truth:
            found = OBJECTS.absent(choice, picture, color, shape)
            if found is None:
                return None
            color, shape = found
        noun, unique = f"{COLOR_NAMES[color]} {SHAPE_NAMES[shape]}", True
    text = f"is there {article(noun)} {noun} ?"
    referents = [(len(text.split()) - 2, index)] if truth and unique else []
    return Question("exist", text, "yes" if truth else "no", referents)


def ask_detail(picture: Picture, choice: random.Random) -> Question | None:
    """A tiny word or digit: what it reads at a place, or where it is."""
    index = choice.randrange(len(picture.tags))
    tag, name = picture.tags[index], TAGS[picture.tags[index].tag]
    what = "word" if tag.is_word else "small number"
    place = place_name(tag.place)
    if choice.random() < 0.7:
        text, answer = f"what {what} is in the {place} ?", name
    else:
        text, answer = f"where is the {what} {name} ?", place
    return Question("detail", text, answer, [(len(text.split()) - 2, len(picture.objects) + index)])


def describe_row(picture: Picture, row: int) -> Question:
    """What a third of the picture holds: objects from left to right, then tags."""
    parts = []
    for item in picture.objects:
        if item.place[0] == row:
            digit = "" if item.digit == NO_DIGIT else f"{item.digit} "
            column = COLUMN_NAMES[item.place[1]]
            parts.append(f"{COLOR_NAMES[item.color]} {SHAPE_NAMES[item.shape]} {digit}{column}")
    for tag in sorted(picture.tags, key=lambda tag: tag.column):
        if tag.place[0] == row:
            parts.append(f"{TAGS[tag.tag]} {COLUMN_NAMES[tag.place[1]]}")
    return Question("describe", f"describe the {ROW_NAMES[row]} .", " , ".join(parts) or "nothing")


def describe(picture: Picture) -> list[Question]:
    """The three rows of a picture."""
    return [describe_row(picture, row) for row in range(3)]


FORMS: Forms = {
    "color": OBJECTS.color,
    "shape": OBJECTS.shape,
    "exist": ask_exist,
    "count": OBJECTS.count,
    "where": OBJECTS.where,
    "relation": OBJECTS.relation,
    "read": OBJECTS.read,
    "detail": ask_detail,
}


def ask(picture: Picture, choice: random.Random, amount: int, mix: dict[str, float]) -> list[Question]:
    """Different questions on one picture, kinds drawn by weight; fewer if it has no more."""
    return questions.ask(picture, choice, amount, mix, FORMS)
