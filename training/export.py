"""Write a checkpoint as a folder in the Hugging Face layout that loads as `llava`.

    python -m export --to ../packages/embedded-model/model

The decoder is written as float16 weights under LLaMA's names; the project's decoder builder makes
`onnx/decoder_model_merged.onnx` from them and `config.json`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn

from decoder import DecoderShape
from drawing import GRID, IMAGE_SIZE, PATCH_SIZE
from model import PictureModel, load_model
from tokenizer import BOS, EOS, IMAGE, PAD, write_tokenizer
from training_run import add_run_option, checkpoint_path
from vision import VISION_BLOCKS, VISION_HEADS, VISION_HIDDEN

OPSET = 17
MAX_POSITIONS = 2048


class ImageFeatures(nn.Module):
    """Vision encoder and projector in one graph."""

    def __init__(self, model: PictureModel) -> None:
        super().__init__()
        self.vision, self.projector = model.vision, model.projector

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.projector(self.vision(pixel_values))


def write_vision_encoder(model: PictureModel, path: Path) -> None:
    """Pixels `[batch, 3, height, width]` to image tokens `[batch, patches, hidden]`, float32."""
    torch.onnx.export(
        ImageFeatures(model).eval(),
        (torch.zeros(2, 3, IMAGE_SIZE, IMAGE_SIZE),),
        str(path),
        input_names=["pixel_values"],
        output_names=["image_features"],
        dynamic_axes={"pixel_values": {0: "batch"}, "image_features": {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,
    )
    onnx.checker.check_model(onnx.load(path), full_check=True)


def write_embed_tokens(weight: Tensor, path: Path) -> None:
    """Ids `[batch, tokens]` to embeddings `[batch, tokens, hidden]`, float32."""
    table = numpy_helper.from_array(weight.numpy().astype(np.float32), "embed_tokens.weight")
    graph = helper.make_graph(
        [helper.make_node("Gather", [table.name, "input_ids"], ["inputs_embeds"], "/embed_tokens", axis=0)],
        "embed_tokens",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])],
        [
            helper.make_tensor_value_info(
                "inputs_embeds", TensorProto.FLOAT, ["batch", "tokens", weight.shape[1]]
            )
        ],
        [table],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def decoder_weights(model: PictureModel) -> dict[str, Tensor]:
    """The decoder under LLaMA's names, float16, with the output matrix written out."""
    weights = {name: value.half().contiguous() for name, value in model.decoder.state_dict().items()}
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    return weights


def vision_weights(model: PictureModel) -> dict[str, Tensor]:
    """Vision encoder, its heads and the projector, float16, as the decoder's stages start from them."""
    return {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
        if name.startswith(("vision.", "patch_heads.", "projector."))
    }


def rounded_to_half(model: PictureModel) -> PictureModel:
    """The model with the decoder's weights as float16 stores them."""
    for parameter in model.decoder.parameters():
        parameter.data = parameter.data.half().float()
    return model


def text_config(shape: DecoderShape) -> dict:
    """The decoder's part of `config.json`, which `LlamaForCausalLM` reads."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **shape.to_dict(),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "rope_scaling": None,
        "max_position_embeddings": MAX_POSITIONS,
        "tie_word_embeddings": False,  # equal, but lm_head.weight is written out
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "pad_token_id": PAD,
        "torch_dtype": "float16",
    }


def write_configs(model: PictureModel, folder: Path) -> None:
    """Write all JSON files beside the tokenizer's."""
    shape = model.decoder.shape
    image_size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    files = {
        "config.json": {
            "architectures": ["LlavaForConditionalGeneration"],
            "model_type": "llava",
            "image_token_index": IMAGE,
            "image_token_id": IMAGE,
            "image_seq_length": GRID**2,
            "projector_hidden_act": "gelu",
            "vision_feature_layer": -1,
            "vision_feature_select_strategy": "full",
            "tie_word_embeddings": False,
            "bos_token_id": BOS,
            "eos_token_id": EOS,
            "pad_token_id": PAD,
            "text_config": text_config(shape),
            "vision_config": {
                "model_type": "conv_transformer",
                "image_size": IMAGE_SIZE,
                "patch_size": PATCH_SIZE,
                "hidden_size": VISION_HIDDEN,
                "intermediate_size": 4 * VISION_HIDDEN,
                "num_hidden_layers": VISION_BLOCKS,
                "num_attention_heads": VISION_HEADS,
                "projection_dim": shape.hidden_size,
            },
        },
        "generation_config.json": {
            "bos_token_id": BOS,
            "eos_token_id": EOS,
            "pad_token_id": PAD,
            "do_sample": False,
            "max_new_tokens": 60,
        },
        "preprocessor_config.json": {
            "image_processor_type": "CLIPImageProcessor",
            "processor_class": "LlavaProcessor",
            "do_convert_rgb": True,
            "do_resize": True,
            "size": image_size,
            "resample": 2,
            "do_center_crop": False,
            "crop_size": image_size,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [0.5] * 3,
            "image_std": [0.5] * 3,
        },
        "processor_config.json": {
            "processor_class": "LlavaProcessor",
            "image_token": "<image>",
            "patch_size": PATCH_SIZE,
            "num_additional_image_tokens": 0,
            "vision_feature_select_strategy": "full",
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Export a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="answers")
    parser.add_argument("--vision", type=Path, help="also write vision encoder, its heads and projector here")
    parser.add_argument("--to", type=Path, required=True)
    add_run_option(parser)
    arguments = parser.parse_args()

    model = load_model(checkpoint_path(arguments.name, arguments.checkpoint))
    model = rounded_to_half(model.eval())
    folder = arguments.to
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    (folder / "weights").mkdir(exist_ok=True)
    write_vision_encoder(model, folder / "onnx" / "vision_encoder.onnx")
    embedding = model.decoder.model.embed_tokens.weight.detach()
    write_embed_tokens(embedding, folder / "onnx" / "embed_tokens.onnx")
    save_file(
        decoder_weights(model), folder / "weights" / "decoder.safetensors", metadata={"format": "pt"}
    )
    if arguments.vision:
        save_file(vision_weights(model), arguments.vision, metadata={"format": "pt"})
    write_configs(model, folder)
    write_tokenizer(folder)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:>10,}  {path.relative_to(folder)}")


if __name__ == "__main__":
    main()
