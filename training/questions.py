"""Questions about a scene that have exactly one answer, and the description of the scene.

Every question also says which of its words name which object (`referents`), so that training can
ask the decoder for that object's properties right at the word.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from scenes import (
    COLOR_NAMES, COLUMN_NAMES, NO_DIGIT, ROW_NAMES, SHAPE_NAMES, Scene, SceneObject,
)
from tokenizer import PLURALS

RELATION_MARGIN = 10  # pixels between two centres from which on left / above is asked
DESCRIBE = "describe the image ."


@dataclass(frozen=True)
class Question:
    """Text and answer in words split by blanks; `referents` are (word index, object index)."""

    kind: str
    text: str
    answer: str
    referents: list[tuple[int, int]] = field(default_factory=list)


def _article(word: str) -> str:
    return "an" if word[0] in "aeio" else "a"


def _place(item: SceneObject) -> str:
    row, column = item.place
    return f"{ROW_NAMES[row]} {COLUMN_NAMES[column]}"


def _count(scene: Scene, attribute: str, value: int) -> int:
    return sum(getattr(item, attribute) == value for item in scene.objects)


def _phrase(scene: Scene, index: int, choice: random.Random, omit: str = "") -> str | None:
    """A phrase that fits this object alone, without the property `omit`; None if there is none."""
    item = scene.objects[index]
    color, shape = COLOR_NAMES[item.color], SHAPE_NAMES[item.shape]
    phrases = []
    if omit != "shape" and _count(scene, "shape", item.shape) == 1:
        phrases.append(f"the {shape}")
    if omit != "color" and _count(scene, "color", item.color) == 1:
        phrases.append(f"the {color} object")
    if not omit:
        phrases.append(f"the {color} {shape}")
    return choice.choice(phrases) if phrases else None


def _one_object(
    kind: str, scene: Scene, choice: random.Random, template: str, omit: str,
    answer: Callable[[SceneObject], str | None],
) -> Question | None:
    order = list(range(len(scene.objects)))
    choice.shuffle(order)
    for index in order:
        reply = answer(scene.objects[index])
        phrase = _phrase(scene, index, choice, omit)
        if reply is None or phrase is None:
            continue
        head = template.format(phrase)
        before = template.split("{}")[0].split()
        noun = len(before) + len(phrase.split()) - 1
        return Question(kind, head, reply, [(noun, index)])
    return None


def ask_color(scene: Scene, choice: random.Random) -> Question | None:
    """Colour of a shape that occurs once."""
    return _one_object(
        "color", scene, choice, "what color is {} ?", "color",
        lambda item: COLOR_NAMES[item.color],
    )


def ask_shape(scene: Scene, choice: random.Random) -> Question | None:
    """Shape of a colour that occurs once."""
    return _one_object(
        "shape", scene, choice, "what shape is {} ?", "shape",
        lambda item: SHAPE_NAMES[item.shape],
    )


def ask_read(scene: Scene, choice: random.Random) -> Question | None:
    """Digit on an object that carries one."""
    return _one_object(
        "read", scene, choice, "what number is on {} ?", "",
        lambda item: None if item.digit == NO_DIGIT else str(item.digit),
    )


def ask_where(scene: Scene, choice: random.Random) -> Question | None:
    """Row and column of an object among the nine places."""
    return _one_object("where", scene, choice, "where is {} ?", "", _place)


def ask_exist(scene: Scene, choice: random.Random) -> Question | None:
    """Is there such an object: yes and no equally often, mostly with near misses for no."""
    truth = choice.random() < 0.5
    index = choice.randrange(len(scene.objects))
    color, shape = scene.objects[index].color, scene.objects[index].shape
    if choice.random() < 0.25:
        if not truth:
            present = {item.shape for item in scene.objects}
            shape = choice.choice([s for s in range(len(SHAPE_NAMES)) if s not in present])
        noun = SHAPE_NAMES[shape]
        if choice.random() < 0.4:
            if not truth:
                present = {item.color for item in scene.objects}
                color = choice.choice([c for c in range(len(COLOR_NAMES)) if c not in present])
            noun = f"{COLOR_NAMES[color]} object"
        text = f"is there {_article(noun)} {noun} ?"
        unique = truth and (
            _count(scene, "shape", shape) == 1
            if not noun.endswith("object")
            else _count(scene, "color", color) == 1
        )
    else:
        if not truth:
            pairs = {(item.color, item.shape) for item in scene.objects}
            style = choice.randrange(3)
            if style == 0:
                shape = choice.choice(scene.objects).shape
            elif style == 1:
                shape = choice.randrange(len(SHAPE_NAMES))
            else:
                color = choice.randrange(len(COLOR_NAMES))
            if (color, shape) in pairs:
                return None
        noun = f"{COLOR_NAMES[color]} {SHAPE_NAMES[shape]}"
        text = f"is there {_article(noun)} {noun} ?"
        unique = truth
    referents = [(len(text.split()) - 2, index)] if unique else []
    return Question("exist", text, "yes" if truth else "no", referents)


def ask_count(scene: Scene, choice: random.Random) -> Question | None:
    """How many objects, or how many of a colour or shape; small counts are balanced."""
    if choice.random() < 0.2:
        return Question("count", "how many objects are there ?", str(len(scene.objects)))
    attribute, names = choice.choice([("color", COLOR_NAMES), ("shape", SHAPE_NAMES)])
    by_count: dict[int, list[int]] = {}
    for value in range(len(names)):
        by_count.setdefault(_count(scene, attribute, value), []).append(value)
    amount = choice.choice(list(by_count))
    name = names[choice.choice(by_count[amount])]
    what = f"{name} objects" if attribute == "color" else PLURALS[name]
    return Question("count", f"how many {what} are there ?", str(amount))


def ask_relation(scene: Scene, choice: random.Random) -> Question | None:
    """Is one object left of or above another one; yes and no equally often."""
    truth, axis = choice.random() < 0.5, choice.randrange(2)
    for _ in range(6):
        first, second = choice.sample(range(len(scene.objects)), 2)
        gap = scene.objects[second].center[axis] - scene.objects[first].center[axis]
        if abs(gap) < RELATION_MARGIN:
            continue
        if (gap > 0) != truth:
            first, second = second, first
        one, other = _phrase(scene, first, choice), _phrase(scene, second, choice)
        word = "above" if axis else "left of"
        text = f"is {one} {word} {other} ?"
        nouns = [len(one.split()), len(text.split()) - 2]
        return Question(
            "relation", text, "yes" if truth else "no",
            [(nouns[0], first), (nouns[1], second)],
        )
    return None


def describe(scene: Scene) -> Question:
    """All objects in reading order: colour, shape, digit if any, place."""
    parts = []
    for item in scene.objects:
        digit = "" if item.digit == NO_DIGIT else f"{item.digit} "
        parts.append(f"{COLOR_NAMES[item.color]} {SHAPE_NAMES[item.shape]} {digit}{_place(item)}")
    return Question("describe", DESCRIBE, " , ".join(parts))


FORMS: dict[str, Callable[[Scene, random.Random], Question | None]] = {
    "color": ask_color,
    "shape": ask_shape,
    "exist": ask_exist,
    "count": ask_count,
    "where": ask_where,
    "relation": ask_relation,
    "read": ask_read,
}


def ask(
    scene: Scene, choice: random.Random, amount: int, weights: dict[str, float]
) -> list[Question]:
    """Different questions on one scene, kinds drawn by weight; fewer if the scene has no more."""
    kinds, shares = list(weights), list(weights.values())
    found: dict[str, Question] = {}
    for kind in choice.choices(kinds, shares, k=2 * amount):
        question = FORMS[kind](scene, choice)
        if question is not None:
            found.setdefault(question.text, question)
        if len(found) == amount:
            break
    return list(found.values())
