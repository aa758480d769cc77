"""Questions about a scene that have exactly one answer, and the description of the scene.

Every question also says which of its words name which object (`referents`), so that training can
ask the decoder for that object's properties right at the word.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from scenes import (
    COLOR_NAMES, NO_DIGIT, SHAPE_NAMES, Scene, SceneObject, place_name,
)
from tokenizer import PLURALS

DESCRIBE = "describe the image ."


@dataclass(frozen=True)
class Question:
    """Text and answer in words split by blanks; `referents` are (word index, object index)."""

    kind: str
    text: str
    answer: str
    referents: list[tuple[int, int]] = field(default_factory=list)


def article(word: str) -> str:
    """`a` or `an`."""
    return "an" if word[0] in "aeiou" else "a"


def occurrences(scene: Scene, attribute: str, value: int) -> int:
    """How many objects have this colour or shape."""
    return sum(getattr(item, attribute) == value for item in scene.objects)


@dataclass(frozen=True)
class ObjectQuestions:
    """The kinds of questions that are asked alike of all pictures of objects."""

    shapes: list[str]
    plurals: dict[str, str]
    margin: float  # between two centres, from which on left / above is asked
    all_share: float  # of the questions about a number that are about all objects

    def _phrase(self, scene: Scene, index: int, choice: random.Random, omit: str = "") -> str | None:
        """A phrase that fits this object alone, without the property `omit`; None if there is none."""
        item = scene.objects[index]
        color, shape = COLOR_NAMES[item.color], self.shapes[item.shape]
        phrases = []
        if omit != "shape" and occurrences(scene, "shape", item.shape) == 1:
            phrases.append(f"the {shape}")
        if omit != "color" and occurrences(scene, "color", item.color) == 1:
            phrases.append(f"the {color} object")
        if not omit:
            phrases.append(f"the {color} {shape}")
        return choice.choice(phrases) if phrases else None

    def _one_object(
        self, kind: str, scene: Scene, choice: random.Random, template: str, omit: str,
        answer: Callable[[SceneObject], str | None],
    ) -> Question | None:
        order = list(range(len(scene.objects)))
        choice.shuffle(order)
        for index in order:
            reply = answer(scene.objects[index])
            phrase = self._phrase(scene, index, choice, omit)
            if reply is not None and phrase is not None:
                noun = len(template.split("{}")[0].split()) + len(phrase.split()) - 1
                return Question(kind, template.format(phrase), reply, [(noun, index)])
        return None

    def color(self, scene: Scene, choice: random.Random) -> Question | None:
        """Colour of a shape that occurs once."""
        return self._one_object(
            "color", scene, choice, "what color is {} ?", "color",
            lambda item: COLOR_NAMES[item.color],
        )

    def shape(self, scene: Scene, choice: random.Random) -> Question | None:
        """Shape of a colour that occurs once."""
        return self._one_object(
            "shape", scene, choice, "what shape is {} ?", "shape",
            lambda item: self.shapes[item.shape],
        )

    def read(self, scene: Scene, choice: random.Random) -> Question | None:
        """Number on an object that carries one."""
        return self._one_object(
            "read", scene, choice, "what number is on {} ?", "",
            lambda item: None if item.digit == NO_DIGIT else str(item.digit),
        )

    def where(self, scene: Scene, choice: random.Random) -> Question | None:
        """Place of an object among the nine places of the image."""
        return self._one_object(
            "where", scene, choice, "where is {} ?", "", lambda item: place_name(item.place)
        )

    def count(self, scene: Scene, choice: random.Random) -> Question | None:
        """How many objects, or how many of a colour or shape; small counts are balanced."""
        if choice.random() < self.all_share:
            return Question("count", "how many objects are there ?", str(len(scene.objects)))
        attribute, names = choice.choice([("color", COLOR_NAMES), ("shape", self.shapes)])
        by_count: dict[int, list[int]] = {}
        for value in range(len(names)):
            by_count.setdefault(occurrences(scene, attribute, value), []).append(value)
        amount = choice.choice(list(by_count))
        name = names[choice.choice(by_count[amount])]
        what = f"{name} objects" if attribute == "color" else self.plurals[name]
        return Question("count", f"how many {what} are there ?", str(amount))

    def relation(self, scene: Scene, choice: random.Random) -> Question | None:
        """Is one object left of or above another one; yes and no equally often."""
        truth, axis = choice.random() < 0.5, choice.randrange(2)
        for _ in range(6):
            first, second = choice.sample(range(len(scene.objects)), 2)
            gap = scene.objects[second].center[axis] - scene.objects[first].center[axis]
            if abs(gap) < self.margin:
                continue
            if (gap > 0) != truth:
                first, second = second, first
            one, other = self._phrase(scene, first, choice), self._phrase(scene, second, choice)
            text = f"is {one} {'above' if axis else 'left of'} {other} ?"
            nouns = [len(one.split()), len(text.split()) - 2]
            return Question(
                "relation", text, "yes" if truth else "no", [(nouns[0], first), (nouns[1], second)]
            )
        return None

    def absent(
        self, choice: random.Random, scene: Scene, color: int, shape: int
    ) -> tuple[int, int] | None:
        """A colour and shape that no object has, close to those given; None if one has them."""
        style = choice.randrange(3)
        if style == 0:
            shape = choice.choice(scene.objects).shape
        elif style == 1:
            shape = choice.randrange(len(self.shapes))
        else:
            color = choice.randrange(len(COLOR_NAMES))
        present = {(item.color, item.shape) for item in scene.objects}
        return None if (color, shape) in present else (color, shape)


OBJECTS = ObjectQuestions(SHAPE_NAMES, PLURALS, margin=10, all_share=0.2)  # the margin in pixels


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
        text = f"is there {article(noun)} {noun} ?"
        unique = truth and (
            occurrences(scene, "shape", shape) == 1
            if not noun.endswith("object")
            else occurrences(scene, "color", color) == 1
        )
    else:
        if not truth:
            found = OBJECTS.absent(choice, scene, color, shape)
            if found is None:
                return None
            color, shape = found
        noun = f"{COLOR_NAMES[color]} {SHAPE_NAMES[shape]}"
        text = f"is there {article(noun)} {noun} ?"
        unique = truth
    referents = [(len(text.split()) - 2, index)] if unique else []
    return Question("exist", text, "yes" if truth else "no", referents)


def describe(scene: Scene) -> Question:
    """All objects in reading order: colour, shape, digit if any, place."""
    parts = []
    for item in scene.objects:
        digit = "" if item.digit == NO_DIGIT else f"{item.digit} "
        parts.append(f"{COLOR_NAMES[item.color]} {SHAPE_NAMES[item.shape]} {digit}{place_name(item.place)}")
    return Question("describe", DESCRIBE, " , ".join(parts))


Forms = dict[str, Callable[[Scene, random.Random], Question | None]]
FORMS: Forms = {
    "color": OBJECTS.color,
    "shape": OBJECTS.shape,
    "exist": ask_exist,
    "count": OBJECTS.count,
    "where": OBJECTS.where,
    "relation": OBJECTS.relation,
    "read": OBJECTS.read,
}


def ask(
    scene: Scene, choice: random.Random, amount: int, weights: dict[str, float], forms: Forms = FORMS
) -> list[Question]:
    """Different questions on one scene, kinds drawn by weight; fewer if the scene has no more."""
    found: dict[str, Question] = {}
    for kind in choice.choices(list(weights), list(weights.values()), k=2 * amount):
        question = forms[kind](scene, choice)
        if question is not None:
            found.setdefault(question.text, question)
        if len(found) == amount:
            break
    return list(found.values())
