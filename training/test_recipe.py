"""What the recipe relies on: truth of the pictures, honest questions, packing, the stages, the export.

    python -m unittest test_recipe
"""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from safetensors.torch import load_file

import train_decoder
import train_vision
import training_run
from accuracy import Tally, accuracy, held_out, overall
from attention import PackedMask, attend
from catalogue import COLOR_NAMES, NO_TAG, SHAPE_NAMES, TAGS, place_name
from decoder import DecoderShape
from drawing import GRID, PATCH_SIZE
from export import decoder_weights, text_config, vision_weights
from labels import PATCH_LABELS, patch_labels
from losses import total_loss
from model import SHAPE, PictureModel, load_model, run_packed
from packing import IGNORE, PREFIX, pack
from pictures import generate_pictures
from questions import Question, describe
from samples import SAMPLE_SEED, object_entries
from tokenizer import EOS, UNK, VOCABULARY, encode, encode_prompt
from train_decoder import SHIPPED_VISION, first_model, seen_patches
from training_run import half_precision

SHIPPED = Path(__file__).parent.parent / "packages" / "embedded-model"


def read(path: Path) -> dict:
    """A JSON file of the shipped model."""
    return json.loads(path.read_text(encoding="utf-8"))


def shallow_model() -> PictureModel:
    """An untrained model of two layers in evaluation mode."""
    torch.manual_seed(0)
    return PictureModel(DecoderShape(len(VOCABULARY), num_hidden_layers=2)).eval()


class Pictures(unittest.TestCase):
    def test_same_seed_same_pictures(self) -> None:
        first, again = generate_pictures((8, 1), 3), generate_pictures((8, 1), 3)
        self.assertTrue((first[0] == again[0]).all())
        self.assertEqual(first[1][2].objects, again[1][2].objects)
        self.assertEqual(first[1][2].tags, again[1][2].tags)

    def test_the_shipped_samples_are_drawn_again(self) -> None:
        samples = read(SHIPPED / "samples" / "samples.json")["samples"]
        pictures = generate_pictures(SAMPLE_SEED, len(samples))[1]
        self.assertEqual([object_entries(picture) for picture in pictures], [s["objects"] for s in samples])

    def test_truth_of_every_patch(self) -> None:
        pictures = generate_pictures((8, 2), 30)[1]
        labels = dict(zip(PATCH_LABELS, patch_labels(pictures)))
        for number, picture in enumerate(pictures):
            tags = labels["tag"][number].reshape(GRID, GRID)
            for index, item in enumerate(picture.objects):
                rows, columns = np.nonzero(picture.patch_objects == index)
                self.assertGreater(len(rows), 0)
                for places, low in ((rows, item.top), (columns, item.left)):
                    self.assertTrue((places * PATCH_SIZE + PATCH_SIZE > low).all())
                    self.assertTrue((places * PATCH_SIZE < low + item.size).all())
            for tag in picture.tags:
                self.assertEqual({tags[patch] for patch in tag.patches}, {tag.tag})
                self.assertEqual(len({column // (GRID // 3) for _, column in tag.patches}), 1)
            self.assertEqual((tags != NO_TAG).sum(), sum(len(tag.patches) for tag in picture.tags))
            self.assertEqual(labels["middle"][number].sum(), len(picture.objects))


class Questions(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        _, cls.pictures, cls.asked = held_out((8, 3), 80)
        cls.pairs = [(p, q) for p, asked in zip(cls.pictures, cls.asked) for q in asked]

    def of_kind(self, kind: str) -> list:
        """All questions of a kind with their pictures."""
        return [(picture, question) for picture, question in self.pairs if question.kind == kind]

    def test_vocabulary_covers_all_words(self) -> None:
        for _, question in self.pairs:
            self.assertNotIn(UNK, encode(f"{question.text} {question.answer}"))

    def test_the_vocabulary_is_the_shipped_one(self) -> None:
        shipped = read(SHIPPED / "model" / "tokenizer.json")["model"]["vocab"]
        self.assertEqual(shipped, VOCABULARY)

    def test_referents_point_at_the_word_that_names_the_thing(self) -> None:
        for picture, question in self.pairs:
            for word, index in question.referents:
                name = question.text.split()[word]
                if index < len(picture.objects):
                    self.assertIn(name, (SHAPE_NAMES[picture.objects[index].shape], "object"))
                else:
                    tag = picture.tags[index - len(picture.objects)]
                    self.assertIn(name, (TAGS[tag.tag], place_name(tag.place).split()[1]))

    def test_looked_up_properties_are_unique(self) -> None:
        asked = self.of_kind("color")
        self.assertGreater(len(asked), 50)
        for picture, question in asked:
            words = question.text.split()
            fits = [item for item in picture.objects if SHAPE_NAMES[item.shape] == words[-2]]
            self.assertEqual([COLOR_NAMES[item.color] for item in fits], [question.answer])

    def test_yes_and_no_are_balanced(self) -> None:
        for kind in ("exist", "relation"):
            answers = [question.answer for _, question in self.of_kind(kind)]
            self.assertAlmostEqual(answers.count("yes") / len(answers), 0.5, delta=0.1)

    def test_details_are_told_right_and_only_once(self) -> None:
        asked = self.of_kind("detail")
        self.assertGreater(len(asked), 50)
        for picture, question in asked:
            words = question.text.split()
            if question.text.startswith("what"):
                found = [tag for tag in picture.tags if place_name(tag.place) == " ".join(words[-3:-1])]
                self.assertEqual([TAGS[tag.tag] for tag in found], [question.answer])
            else:
                found = [tag for tag in picture.tags if TAGS[tag.tag] == words[-2]]
                self.assertEqual([place_name(tag.place) for tag in found], [question.answer])
            self.assertEqual(picture.tags.index(found[0]), question.referents[0][1] - len(picture.objects))

    def test_rows_describe_all_objects_and_tags(self) -> None:
        for picture in self.pictures:
            parts = [q.answer.split(" , ") for q in describe(picture) if q.answer != "nothing"]
            self.assertEqual(sum(map(len, parts)), len(picture.objects) + len(picture.tags))


class Packing(unittest.TestCase):
    def test_a_packed_question_reads_as_if_it_stood_alone(self) -> None:
        model = shallow_model()
        images, pictures, asked = held_out((8, 4), 2)
        packed = pack(pictures, asked)
        with torch.no_grad():
            together = run_packed(model, images, packed).hidden
            for row, spans in enumerate(packed.questions):
                question, first, end = spans[-1]
                single = pack([pictures[row]], [[question]])
                alone = run_packed(model, images[row : row + 1], single).hidden[0, first - end :]
                torch.testing.assert_close(together[row, first:end], alone, atol=1e-4, rtol=1e-4)

    def test_targets_are_the_answer_behind_the_prompt(self) -> None:
        picture = generate_pictures((8, 5), 1)[1][0]
        question = describe(picture)[0]
        packed = pack([picture], [[question]])
        prompt, answer = encode_prompt(question.text), [*encode(question.answer), EOS]
        self.assertEqual(packed.ids[0].tolist(), prompt + answer[:-1])
        self.assertEqual(packed.targets[0].tolist(), [IGNORE] * (len(prompt) - 1) + answer)
        self.assertEqual(packed.positions[0].tolist(), list(range(PREFIX + packed.ids.shape[1])))


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


class Losses(unittest.TestCase):
    def test_without_labels_only_the_answers_count(self) -> None:
        model = shallow_model()
        images, pictures, asked = held_out((8, 6), 1)
        packed, labels = pack(pictures, asked), torch.from_numpy(patch_labels(pictures))
        with torch.no_grad():
            outputs = run_packed(model, images, packed)
            total, parts = total_loss(model, outputs, packed, labels)
            alone, only = total_loss(model, outputs, packed, None)
        self.assertEqual(list(parts), ["answer", "referent", "pull", "patch"])
        torch.testing.assert_close(total, sum(parts.values()))
        self.assertEqual(list(only), ["answer"])
        torch.testing.assert_close(alone, parts["answer"])


class Accuracy(unittest.TestCase):
    def test_an_answer_is_right_only_word_for_word(self) -> None:
        tally = Tally()
        spans = [[(Question("where", "", "top left"), 0, 2), (Question("count", "", "3"), 2, 3)]]
        tally.add(spans, torch.tensor([[7, 8, 9]]), torch.tensor([[7, 5, 9]]))
        self.assertEqual(tally.figures(), {"count": (1.0, 1.0, 1), "where": (0.0, 1.0, 1)})
        self.assertEqual(overall(tally.figures()), 0.5)


class Stages(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.enterContext(mock.patch.object(training_run, "CHECKPOINTS", self.folder))
        self.enterContext(mock.patch.object(training_run, "log"))

    def weights(self, stage: str) -> dict[str, torch.Tensor]:
        """What a stage's checkpoint holds."""
        return torch.load(self.folder / f"{stage}.pt", weights_only=True)["model"]

    def test_every_stage_goes_on_from_the_one_before(self) -> None:
        one_step = ["--steps", "1", "--batch", "1", "--pictures", "0"]
        train_vision.main(one_step)
        positions = self.weights("vision")["vision.positions"]
        torch.testing.assert_close(first_model("joint", "").vision.positions.data, positions)
        train_decoder.main(["--stage", "joint", *one_step])
        before = self.weights("joint")
        self.assertFalse(torch.equal(before["vision.positions"], positions))
        train_decoder.main(["--stage", "answers", *one_step])
        after = self.weights("answers")
        for name in before:
            if name.startswith("vision."):
                self.assertTrue(torch.equal(before[name], after[name]), name)
        norm = after["decoder.model.norm.weight"]
        self.assertFalse(torch.equal(norm, torch.full_like(norm, SHAPE.hidden_size**-0.5)))

    def test_a_stage_started_again_goes_on(self) -> None:
        options = ["--stage", "answers", "--batch", "1", "--pictures", "0"]
        train_decoder.main([*options, "--steps", "1"])
        train_decoder.main([*options, "--steps", "2"])
        checkpoint = torch.load(self.folder / "answers.pt", weights_only=True)
        self.assertEqual(checkpoint["progress"]["step"], 2)
        self.assertEqual(load_model(self.folder / "answers.pt").decoder.shape, SHAPE)

    def test_without_a_checkpoint_a_stage_starts_from_the_shipped_vision(self) -> None:
        model, shipped = first_model("answers", ""), load_file(SHIPPED_VISION)
        self.assertTrue(torch.equal(model.vision.positions.half(), shipped["vision.positions"]))
        self.assertEqual(vision_weights(model).keys(), shipped.keys())

    def test_subsets_go_on_from_the_stage_before_or_from_what_ships(self) -> None:
        figures = accuracy(first_model("subsets", ""), (190, 3), 2)
        self.assertGreater(overall(figures), 0.9)
        one_step = ["--batch", "1", "--pictures", "0", "--steps", "1"]
        train_decoder.main(["--stage", "answers", *one_step])
        before = self.weights("answers")
        train_decoder.main(["--stage", "subsets", *one_step])
        after = self.weights("subsets")
        for name in before:
            same = torch.equal(before[name], after[name])
            self.assertEqual(same, not name.startswith(("decoder.", "projector.")), name)

    def test_subsets_are_of_all_sizes_and_in_order_and_at_the_end_most_are_of_all_patches(self) -> None:
        steps = [seen_patches(2, step, 0, 1) for step in range(200)]
        self.assertEqual(sum(patches is None for patches in steps), 50)
        steps = [patches for patches in steps if patches is not None]
        sizes = [patches.shape[1] / GRID**2 for patches in steps]
        self.assertLess(min(sizes), 0.07)
        self.assertGreater(max(sizes), 0.8)
        self.assertAlmostEqual(sorted(sizes)[75], 0.21, delta=0.05)
        for patches in steps:
            self.assertTrue((patches.diff(dim=1) > 0).all())
        self.assertFalse(torch.equal(*steps[0]))
        self.assertTrue(torch.equal(seen_patches(2, 7, 0, 1), seen_patches(2, 7, 0.5, 1)))
        last = [seen_patches(2, step, 0.9, 1) for step in range(8)]
        self.assertEqual(sum(patches is None for patches in last), 6)

    def test_a_subset_is_a_shorter_sequence(self) -> None:
        model = shallow_model()
        images, pictures, asked = held_out((190, 4), 2)
        packed = pack(pictures, asked)
        every = torch.arange(GRID**2).expand(2, -1)
        with torch.no_grad():
            whole = run_packed(model, images, packed).hidden
            same = run_packed(model, images, packed, every).hidden
            some = run_packed(model, images, packed, every[:, ::3])
        self.assertTrue(torch.allclose(whole, same, atol=1e-5))
        self.assertEqual(some.hidden.shape, whole.shape)
        shorter = packed.with_image_tokens(192)
        self.assertEqual(shorter.positions.shape[1], packed.positions.shape[1] - 384)
        self.assertEqual(shorter.positions[0, 193], 193)
        self.assertEqual(shorter.mask.prefix, 193)


class Export(unittest.TestCase):
    def test_names_and_sizes_are_the_shipped_ones(self) -> None:
        written = decoder_weights(PictureModel())
        shipped = load_file(SHIPPED / "model" / "weights" / "decoder.safetensors")
        self.assertEqual(
            {name: (value.shape, value.dtype) for name, value in written.items()},
            {name: (value.shape, value.dtype) for name, value in shipped.items()},
        )
        self.assertEqual(text_config(SHAPE), read(SHIPPED / "model" / "config.json")["text_config"])


if __name__ == "__main__":
    unittest.main()
