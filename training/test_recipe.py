"""What both recipes rely on: truth of the scenes, honest questions, packing, stacking, pruning.

    python -m unittest test_recipe
"""

from __future__ import annotations

import random
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from attention import PackedMask, attend
from large import asking, packing as large_packing
from large.accuracy import held_out
from large.export import load_weights, write_weights
from large.model import FIRST_LAYERS, PictureModel, fresh_shape, grow_layers, growing_order
from large.model import run_packed as run_large
from large.pictures import (
    NO_TAG, PATCH_LABELS, PATCH_SIZE, TAGS, generate_pictures, patch_labels,
)
from large.probe_pruning import HIGH, LOW, drawn, probe, prune, run_layer, scaled, start, table
from large.run import half_precision, resize_positions
from large.words import encode as encode_large
from losses import run_packed
from model import DecoderShape, SceneModel, normalise, stack_layers
from packing import PREFIX, pack
from questions import FORMS, ask, describe
from scenes import COLOR_NAMES, GRID, SHAPE_NAMES, generate_scenes, place_name
from tokenizer import BOS, EOS, IMAGE, UNK, VOCABULARY, decode, encode, prompt_ids

EVEN = dict.fromkeys(FORMS, 1.0)


def small_model(layers: int = 2) -> SceneModel:
    """An untrained model in evaluation mode."""
    torch.manual_seed(0)
    return SceneModel(DecoderShape(len(VOCABULARY), num_hidden_layers=layers)).eval()


class Scenes(unittest.TestCase):
    def test_same_seed_same_scenes(self) -> None:
        first, again = generate_scenes((7, 1), 4), generate_scenes((7, 1), 4)
        self.assertTrue((first[0] == again[0]).all())
        self.assertEqual(first[1][2].objects, again[1][2].objects)

    def test_every_object_owns_patches_within_its_box(self) -> None:
        for scene in generate_scenes((7, 2), 50)[1]:
            self.assertEqual(scene.patch_objects.shape, (GRID, GRID))
            for index, item in enumerate(scene.objects):
                rows, columns = np.nonzero(scene.patch_objects == index)
                self.assertGreater(len(rows), 0)
                self.assertTrue((columns * 8 + 8 > item.left).all())
                self.assertTrue((columns * 8 < item.left + item.size).all())
                self.assertTrue((rows * 8 + 8 > item.top).all())
                self.assertTrue((rows * 8 < item.top + item.size).all())


class Questions(unittest.TestCase):
    def setUp(self) -> None:
        self.scenes = generate_scenes((7, 3), 200)[1]
        choice = random.Random(1)
        self.asked = [[*ask(scene, choice, 10, EVEN), describe(scene)] for scene in self.scenes]

    def test_vocabulary_covers_all_words(self) -> None:
        for questions in self.asked:
            for question in questions:
                self.assertNotIn(UNK, encode(f"{question.text} {question.answer}"))

    def test_referents_point_at_the_word_that_names_the_object(self) -> None:
        for scene, questions in zip(self.scenes, self.asked):
            for question in questions:
                for word, index in question.referents:
                    name = question.text.split()[word]
                    self.assertIn(name, (SHAPE_NAMES[scene.objects[index].shape], "object"))

    def test_looked_up_properties_are_unique(self) -> None:
        for scene, questions in zip(self.scenes, self.asked):
            for question in questions:
                words = question.text.split()
                if question.kind == "color":
                    fits = [item for item in scene.objects if SHAPE_NAMES[item.shape] == words[-2]]
                    self.assertEqual([COLOR_NAMES[item.color] for item in fits], [question.answer])

    def test_yes_and_no_are_balanced(self) -> None:
        for kind in ("exist", "relation"):
            answers = [q.answer for questions in self.asked for q in questions if q.kind == kind]
            self.assertAlmostEqual(answers.count("yes") / len(answers), 0.5, delta=0.1)


class Packing(unittest.TestCase):
    def test_a_packed_question_reads_as_if_it_stood_alone(self) -> None:
        model = small_model()
        images, scenes = generate_scenes((7, 4), 2)
        choice = random.Random(2)
        asked = [ask(scene, choice, 4, EVEN) for scene in scenes]
        packed = pack(scenes, asked)
        with torch.no_grad():
            together = run_packed(model, torch.from_numpy(images), packed).hidden
            for row, spans in enumerate(packed.questions):
                for question, first, end in spans:
                    single = pack([scenes[row]], [[question]])
                    pixels = torch.from_numpy(images[row : row + 1])
                    alone = run_packed(model, pixels, single).hidden[0, first - end :]
                    torch.testing.assert_close(together[row, first:end], alone, atol=1e-4, rtol=1e-4)

    def test_prompt_matches_the_packed_form(self) -> None:
        images, scenes = generate_scenes((7, 5), 1)
        question = describe(scenes[0])
        packed = pack(scenes, [[question]])
        prompt = prompt_ids(question.text)
        self.assertEqual(packed.ids[0, : len(prompt)].tolist(), prompt)
        self.assertEqual(prompt[:PREFIX], [BOS] + [IMAGE] * (GRID * GRID))
        answer = packed.targets[0, len(prompt) - 1 :].tolist()
        self.assertEqual((decode(answer[:-1]), answer[-1]), (question.answer, EOS))


class Stacking(unittest.TestCase):
    def test_stacking_keeps_the_function(self) -> None:
        model = small_model()
        deeper = stack_layers(model).eval()
        self.assertEqual(len(deeper.decoder.model.layers), 4)
        images, scenes = generate_scenes((7, 6), 2)
        packed = pack(scenes, [[describe(scene)] for scene in scenes])
        with torch.no_grad():
            before = run_packed(model, torch.from_numpy(images), packed).hidden
            after = run_packed(deeper, torch.from_numpy(images), packed).hidden
        torch.testing.assert_close(before, after)


class Attention(unittest.TestCase):
    def test_block_attention_agrees_with_the_fused_one(self) -> None:
        torch.manual_seed(0)
        query, key, value = (torch.randn(2, 2, 250, 16, requires_grad=True) for _ in range(3))
        upper = torch.randn(2, 2, 250, 16)
        visible = torch.rand(2, 1, 50, 250) < 0.7
        visible[..., 0] = True
        for mask in (None, PackedMask(200, torch.zeros(visible.shape).masked_fill(~visible, -torch.inf))):
            exact = attend(query, key, value, mask)
            wanted = [exact, *torch.autograd.grad(exact, (query, key, value), upper)]
            with half_precision(query.device):
                fast = attend(query, key, value, mask)
            got = [fast, *torch.autograd.grad(fast, (query, key, value), upper.bfloat16())]
            for one, other in zip(wanted, got):
                self.assertLess(((one - other).norm() / one.norm()).item(), 0.02)


class LargePictures(unittest.TestCase):
    def test_same_seed_same_pictures(self) -> None:
        first, again = generate_pictures((8, 1), 3, 24), generate_pictures((8, 1), 3, 24)
        self.assertTrue((first[0] == again[0]).all())
        self.assertEqual(first[1][2].objects, again[1][2].objects)
        self.assertEqual(first[1][2].tags, again[1][2].tags)

    def test_truth_of_every_patch(self) -> None:
        for grid in (12, 24):
            pictures = generate_pictures((8, 2), 30, grid)[1]
            labels = dict(zip(PATCH_LABELS, patch_labels(pictures)))
            for number, picture in enumerate(pictures):
                for index, item in enumerate(picture.objects):
                    rows, columns = np.nonzero(picture.patch_objects == index)
                    self.assertGreater(len(rows), 0)
                    for places, low in ((rows, item.top), (columns, item.left)):
                        self.assertTrue((places * PATCH_SIZE + PATCH_SIZE > low).all())
                        self.assertTrue((places * PATCH_SIZE < low + item.size).all())
                covered = 0
                for tag in picture.tags:
                    for row, column in tag.patches:
                        self.assertEqual(labels["tag"][number].reshape(grid, grid)[row, column], tag.tag)
                    covered += len(tag.patches)
                    self.assertEqual(len({column // (grid // 3) for _, column in tag.patches}), 1)
                self.assertEqual((labels["tag"][number] != NO_TAG).sum(), covered)

    def test_positions_of_another_grid(self) -> None:
        rows = torch.arange(144.0).div(12, rounding_mode="floor").view(1, 144, 1)
        self.assertTrue(torch.equal(resize_positions(rows, 12), rows))
        larger = resize_positions(rows, 24).view(24, 24)
        self.assertTrue((larger.diff(dim=0) >= 0).all())
        self.assertTrue((larger.diff(dim=1) == 0).all())


class LargeQuestions(unittest.TestCase):
    def setUp(self) -> None:
        _, self.pictures, self.asked = held_out((8, 3), 60, 24)

    def test_vocabulary_covers_all_words(self) -> None:
        for questions in self.asked:
            for question in questions:
                self.assertNotIn(UNK, encode_large(f"{question.text} {question.answer}"))

    def test_details_are_told_right_and_only_once(self) -> None:
        seen = 0
        for picture, questions in zip(self.pictures, self.asked):
            for question in (q for q in questions if q.kind == "detail"):
                seen += 1
                place = " ".join(question.text.split()[-3:-1])
                if question.text.startswith("what"):
                    found = [tag for tag in picture.tags if place_name(tag.place) == place]
                    self.assertEqual([TAGS[tag.tag] for tag in found], [question.answer])
                else:
                    name = question.text.split()[-2]
                    found = [tag for tag in picture.tags if TAGS[tag.tag] == name]
                    self.assertEqual([place_name(tag.place) for tag in found], [question.answer])
                self.assertEqual(picture.tags.index(found[0]), question.referents[0][1] - len(picture.objects))
        self.assertGreater(seen, 50)

    def test_rows_describe_all_objects_and_tags(self) -> None:
        for picture in self.pictures:
            parts = [q.answer.split(" , ") for q in asking.describe(picture) if q.answer != "nothing"]
            self.assertEqual(sum(map(len, parts)), len(picture.objects) + len(picture.tags))


class LargeModel(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(0)
        self.model = PictureModel(fresh_shape(FIRST_LAYERS), 12).eval()
        images, self.pictures, self.asked = held_out((8, 4), 2, 12)
        self.images = images
        self.packed = large_packing.pack(self.pictures, self.asked)

    def test_a_packed_question_reads_as_if_it_stood_alone(self) -> None:
        with torch.no_grad():
            together = run_large(self.model, self.images, self.packed).hidden
            for row, spans in enumerate(self.packed.questions):
                question, first, end = spans[-1]
                single = large_packing.pack([self.pictures[row]], [[question]])
                alone = run_large(self.model, self.images[row : row + 1], single).hidden[0, first - end :]
                torch.testing.assert_close(together[row, first:end], alone, atol=1e-4, rtol=1e-4)

    def test_growing_keeps_the_function_and_spreads_the_copies(self) -> None:
        order = growing_order(6, 16)
        self.assertEqual(len(order), 16)
        self.assertEqual([source for source, _ in order], sorted(source for source, _ in order))
        self.assertEqual([source for source, silent in order if not silent], list(range(6)))
        deeper = grow_layers(self.model, 16).eval()
        with torch.no_grad():
            before = run_large(self.model, self.images, self.packed).hidden
            after = run_large(deeper, self.images, self.packed).hidden
        torch.testing.assert_close(before, after)

    def test_the_probe_agrees_with_the_packed_model_and_prunes(self) -> None:
        questions = self.asked[0]
        with torch.no_grad():
            features = self.model.projector(self.model.vision(normalise(self.images[:1])))[0]
            state, targets = start(self.model, features, questions)
            for layer in range(1, 7):
                state = run_layer(self.model, state, layer, layer == 2)
            hidden = run_large(self.model, self.images, self.packed).hidden[0]
            final = self.model.decoder.model.norm(state.hidden)
            for row, (_, first, end) in enumerate(self.packed.questions[0]):
                where = 1 + state.images + int(state.prompt[row].sum()) - 1
                alone = final[row, where : where + end - first]
                torch.testing.assert_close(hidden[first:end], alone, atol=1e-4, rtol=1e-4)
            self.assertTrue((state.transition > 0).all())
            fewer = prune(state, drawn(self.model, state, 2), 10, renumber=True)
        self.assertEqual(fewer.patches.shape, (len(questions), 10))
        self.assertTrue((fewer.patches.diff(dim=1) > 0).all())
        kept = state.hidden[0, fewer.patches[0] + 1]
        self.assertTrue(torch.equal(fewer.hidden[0, 1:11], kept))
        self.assertEqual(len(targets), len(questions))

    def test_the_probe_reports_every_method(self) -> None:
        reports: list[dict] = []
        names = ["transprune-high", "random-low"]
        probe(self.model, (8, 5), 1, lambda results, number: reports.append(results), names)
        self.assertEqual(list(reports[-1]), ["unpruned", *names, "total"])
        self.assertEqual(len(table(reports[-1]).splitlines()), 5)

    def test_exported_weights_are_read_back(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_weights(self.model, Path(folder))
            again = load_weights(Path(folder)).eval()
        with torch.no_grad():
            before = run_large(self.model, self.images, self.packed).hidden
            after = run_large(again, self.images, self.packed).hidden
        self.assertLess(((before - after).norm() / before.norm()).item(), 0.01)

    def test_schedules_scale_as_the_presets_do(self) -> None:
        self.assertEqual(scaled(HIGH, 16), [(4, 0.875), (5, 0.625), (6, 0.125)])
        self.assertEqual(scaled(LOW, 16), [(4, 0.625), (5, 0.1875), (6, 0.0625)])
        self.assertEqual([layer for layer, _ in scaled(HIGH, 32)], [7, 9, 12])


if __name__ == "__main__":
    unittest.main()
