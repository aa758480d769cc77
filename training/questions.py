"""Questions about a picture that have exactly one answer, and descriptions of its rows.

Every question also says which of its words name which object or tag (`referents`), so that training can
ask the decoder for its properties right at the word.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from catalogue import (
    COLOR_NAMES, COLUMN_NAMES, NO_DIGIT, PLURALS, ROW_NAMES, SHAPE_NAMES, TAGS, place_name,
)
from pictures import Item, Picture

RELATION_MARGIN = 0.1  # between two centres, from which on left / above is asked; shares of the picture
ALL_OBJECTS_SHARE = 0.15  # of the questions about a number that are about all objects


@dataclass(frozen=True)
class Question:
    """Text and answer in words split by blanks; `referents` are (word index, index).

    Indices count the picture's objects, then its tags.
    """

    kind: str
    text: str
    answer: str
    referents: list[tuple[int, int]] = field(default_factory=list)


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _occurrences(picture: Picture, attribute: str, value: int) -> int:
    """How many objects have this colour or shape."""
    return sum(getattr(item, attribute) == value for item in picture.objects)


def _phrase(picture: Picture, index: int, choice: random.Random, omit: str = "") -> str | None:
    """A phrase that fits this object alone, without the property `omit`; None if there is none."""
    item = picture.objects[index]
    color, shape = COLOR_NAMES[item.color], SHAPE_NAMES[item.shape]
    phrases = []
    if omit != "shape" and _occurrences(picture, "shape", item.shape) == 1:
        phrases.append(f"the {shape}")
    if omit != "color" and _occurrences(picture, "color", item.color) == 1:
        phrases.append(f"the {color} object")
    if not omit:
        phrases.append(f"the {color} {shape}")
    return choice.choice(phrases) if phrases else None


def _ask_one_object(
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
    return _ask_one_object(
        "color", picture, choice, "what color is {} ?", "color", lambda item: COLOR_NAMES[item.color]
    )


def ask_shape(picture: Picture, choice: random.Random) -> Question | None:
    """Shape of a colour that occurs once."""
    return _ask_one_object(
        "shape", picture, choice, "what shape is {} ?", "shape", lambda item: SHAPE_NAMES[item.shape]
    )


def ask_read(picture: Picture, choice: random.Random) -> Question | None:
    """Number on an object that carries one."""
    return _ask_one_object(
        "read", picture, choice, "what number is on {} ?", "",
        lambda item: None if item.digit == NO_DIGIT else str(item.digit),
    )


def ask_where(picture: Picture, choice: random.Random) -> Question | None:
    """Place of an object among the nine places of the picture."""
    return _ask_one_object(
        "where", picture, choice, "where is {} ?", "", lambda item: place_name(item.place)
    )


def ask_count(picture: Picture, choice: random.Random) -> Question:
    """How many objects, or how many of a colour or shape; small counts are balanced."""
    if choice.random() < ALL_OBJECTS_SHARE:
        return Question("count", "how many objects are there ?", str(len(picture.objects)))
    attribute, names = choice.choice([("color", COLOR_NAMES), ("shape", SHAPE_NAMES)])
    by_count: dict[int, list[int]] = {}
    for value in range(len(names)):
        by_count.setdefault(_occurrences(picture, attribute, value), []).append(value)
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
        nouns = [(len(one.split()), first), (len(text.split()) - 2, second)]
        return Question("relation", text, "yes" if truth else "no", nouns)
    return None


def _absent(picture: Picture, choice: random.Random, attribute: str, names: list[str]) -> int:
    """A colour or a shape that no object has; there must be one."""
    present = {getattr(item, attribute) for item in picture.objects}
    return choice.choice([value for value in range(len(names)) if value not in present])


def _near_miss(
    picture: Picture, choice: random.Random, color: int, shape: int
) -> tuple[int, int] | None:
    """A colour and shape that no object has, close to those given; None if one has them."""
    style = choice.randrange(3)
    if style == 0:
        shape = choice.choice(picture.objects).shape
    elif style == 1:
        shape = choice.randrange(len(SHAPE_NAMES))
    else:
        color = choice.randrange(len(COLOR_NAMES))
    present = {(item.color, item.shape) for item in picture.objects}
    return None if (color, shape) in present else (color, shape)


def ask_exist(picture: Picture, choice: random.Random) -> Question | None:
    """Is there such an object: yes and no equally often, mostly with near misses for no."""
    truth = choice.random() < 0.5
    index = choice.randrange(len(picture.objects))
    color, shape = picture.objects[index].color, picture.objects[index].shape
    form = choice.random()
    if form < 0.1:
        if not truth:
            if len({item.color for item in picture.objects}) == len(COLOR_NAMES):
                return None
            color = _absent(picture, choice, "color", COLOR_NAMES)
        noun, unique = f"{COLOR_NAMES[color]} object", _occurrences(picture, "color", color) == 1
    elif form < 0.25:
        if not truth:
            shape = _absent(picture, choice, "shape", SHAPE_NAMES)
        noun, unique = SHAPE_NAMES[shape], _occurrences(picture, "shape", shape) == 1
    else:
        if not truth:
            found = _near_miss(picture, choice, color, shape)
            if found is None:
                return None
            color, shape = found
        noun, unique = f"{COLOR_NAMES[color]} {SHAPE_NAMES[shape]}", True
    text = f"is there {_article(noun)} {noun} ?"
    referents = [(len(text.split()) - 2, index)] if truth and unique else []
    return Question("exist", text, "yes" if truth else "no", referents)


def ask_detail(picture: Picture, choice: random.Random) -> Question:
    """A tiny word or digit: what it reads at a place, or where it is."""
    index = choice.randrange(len(picture.tags))
    tag = picture.tags[index]
    what = "word" if tag.is_word else "small number"
    if choice.random() < 0.7:
        text, answer = f"what {what} is in the {place_name(tag.place)} ?", TAGS[tag.tag]
    else:
        text, answer = f"where is the {what} {TAGS[tag.tag]} ?", place_name(tag.place)
    return Question("detail", text, answer, [(len(text.split()) - 2, len(picture.objects) + index)])


def describe(picture: Picture) -> list[Question]:
    """One description for each third of a picture."""
    return [_describe_row(picture, row) for row in range(3)]


def _describe_row(picture: Picture, row: int) -> Question:
    """Objects from left to right, then tags."""
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
