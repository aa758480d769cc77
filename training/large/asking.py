"""Questions about a picture that have exactly one answer, and descriptions of its rows.

The kinds are those of `questions.py`, and *detail*: a tiny word or digit that covers two patches or one.
A question names its objects or tags in `referents`, as (word index, index); tags count on from the
objects.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from questions import Question
from scenes import COLOR_NAMES, COLUMN_NAMES, NO_DIGIT, ROW_NAMES

from .pictures import Item, Picture, SHAPE_NAMES, TAGS, place_name
from .words import PLURALS

RELATION_MARGIN = 0.1  # of the picture between two centres from which on left / above is asked


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _count(picture: Picture, attribute: str, value: int) -> int:
    return sum(getattr(item, attribute) == value for item in picture.objects)


def _phrase(picture: Picture, index: int, choice: random.Random, omit: str = "") -> str | None:
    """A phrase that fits this object alone, without the property `omit`; None if there is none."""
    item = picture.objects[index]
    color, shape = COLOR_NAMES[item.color], SHAPE_NAMES[item.shape]
    phrases = []
    if omit != "shape" and _count(picture, "shape", item.shape) == 1:
        phrases.append(f"the {shape}")
    if omit != "color" and _count(picture, "color", item.color) == 1:
        phrases.append(f"the {color} object")
    if not omit:
        phrases.append(f"the {color} {shape}")
    return choice.choice(phrases) if phrases else None


def _one_object(
    kind: str, picture: Picture, choice: random.Random, template: str, omit: str,
    answer: Callable[[Item], str | None],
) -> Question | None:
    order = list(range(len(picture.objects)))
    choice.shuffle(order)
    for index in order:
        reply = answer(picture.objects[index])
        phrase = _phrase(picture, index, choice, omit)
        if reply is not None and phrase is not None:
            noun = len(template.split("{}")[0].split()) + len(phrase.split()) - 1
            return Question(kind, template.format(phrase), reply, [(noun, index)])
    return None


def ask_color(picture: Picture, choice: random.Random) -> Question | None:
    """Colour of a shape that occurs once."""
    return _one_object(
        "color", picture, choice, "what color is {} ?", "color", lambda item: COLOR_NAMES[item.color]
    )


def ask_shape(picture: Picture, choice: random.Random) -> Question | None:
    """Shape of a colour that occurs once."""
    return _one_object(
        "shape", picture, choice, "what shape is {} ?", "shape", lambda item: SHAPE_NAMES[item.shape]
    )


def ask_read(picture: Picture, choice: random.Random) -> Question | None:
    """Number on an object that carries one."""
    return _one_object(
        "read", picture, choice, "what number is on {} ?", "",
        lambda item: None if item.digit == NO_DIGIT else str(item.digit),
    )


def ask_where(picture: Picture, choice: random.Random) -> Question | None:
    """Row and column of an object among the nine places."""
    return _one_object(
        "where", picture, choice, "where is {} ?", "", lambda item: place_name(item.place)
    )


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
        noun, unique = f"{COLOR_NAMES[color]} object", _count(picture, "color", color) == 1
    elif form < 0.25:  # a shape
        if not truth:
            present = {item.shape for item in picture.objects}
            shape = choice.choice([s for s in range(len(SHAPE_NAMES)) if s not in present])
        noun, unique = SHAPE_NAMES[shape], _count(picture, "shape", shape) == 1
    else:
        if not truth:
            style = choice.randrange(3)
            if style == 0:
                shape = choice.choice(picture.objects).shape
            elif style == 1:
                shape = choice.randrange(len(SHAPE_NAMES))
            else:
                color = choice.randrange(len(COLOR_NAMES))
            if (color, shape) in {(item.color, item.shape) for item in picture.objects}:
                return None
        noun, unique = f"{COLOR_NAMES[color]} {SHAPE_NAMES[shape]}", True
    text = f"is there {_article(noun)} {noun} ?"
    referents = [(len(text.split()) - 2, index)] if truth and unique else []
    return Question("exist", text, "yes" if truth else "no", referents)


def ask_count(picture: Picture, choice: random.Random) -> Question | None:
    """How many objects, or how many of a colour or shape; small counts are balanced."""
    if choice.random() < 0.15:
        return Question("count", "how many objects are there ?", str(len(picture.objects)))
    attribute, names = choice.choice([("color", COLOR_NAMES), ("shape", SHAPE_NAMES)])
    by_count: dict[int, list[int]] = {}
    for value in range(len(names)):
        by_count.setdefault(_count(picture, attribute, value), []).append(value)
    amount = choice.choice(list(by_count))
    name = names[choice.choice(by_count[amount])]
    what = f"{name} objects" if attribute == "color" else PLURALS[name]
    return Question("count", f"how many {what} are there ?", str(amount))


def ask_relation(picture: Picture, choice: random.Random) -> Question | None:
    """Is one object left of or above another one; yes and no equally often."""
    truth, axis = choice.random() < 0.5, choice.randrange(2)
    for _ in range(6):
        first, second = choice.sample(range(len(picture.objects)), 2)
        gap = picture.objects[second].center[axis] - picture.objects[first].center[axis]
        if abs(gap) < RELATION_MARGIN:
            continue
        if (gap > 0) != truth:
            first, second = second, first
        one, other = _phrase(picture, first, choice), _phrase(picture, second, choice)
        text = f"is {one} {'above' if axis else 'left of'} {other} ?"
        nouns = [len(one.split()), len(text.split()) - 2]
        return Question(
            "relation", text, "yes" if truth else "no", [(nouns[0], first), (nouns[1], second)]
        )
    return None


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


FORMS: dict[str, Callable[[Picture, random.Random], Question | None]] = {
    "color": ask_color,
    "shape": ask_shape,
    "exist": ask_exist,
    "count": ask_count,
    "where": ask_where,
    "relation": ask_relation,
    "read": ask_read,
    "detail": ask_detail,
}


def ask(picture: Picture, choice: random.Random, amount: int, mix: dict[str, float]) -> list[Question]:
    """Different questions on one picture, kinds drawn by weight; fewer if it has no more."""
    found: dict[str, Question] = {}
    for kind in choice.choices(list(mix), list(mix.values()), k=2 * amount):
        question = FORMS[kind](picture, choice)
        if question is not None:
            found.setdefault(question.text, question)
        if len(found) == amount:
            break
    return list(found.values())
