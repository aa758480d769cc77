"""Write a checkpoint as float16 safetensors with a config, and read it back.

    python -m large.export --checkpoint deep

The decoder is under LLaMA's names as `LlamaForCausalLM` reads them; vision and projector lie beside it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from model import DecoderShape, VISION_BLOCKS, VISION_HEADS, VISION_HIDDEN
from tokenizer import BOS, EOS, IMAGE, PAD

from .model import PictureModel, load_model
from .pictures import PATCH_SIZE
from .run import checkpoint_folder
from .words import VOCABULARY

WEIGHTS = Path(__file__).parent.parent / "weights"


def half_weights(model: PictureModel) -> dict[str, dict[str, Tensor]]:
    """Weights by file, float16; `lm_head.weight` is the embedding, written out."""
    files: dict[str, dict[str, Tensor]] = {"decoder": {}, "vision": {}}
    for name, value in model.state_dict().items():
        stored = value.half().contiguous() if value.is_floating_point() else value
        if name.startswith("decoder."):
            files["decoder"][name.removeprefix("decoder.")] = stored
        else:
            files["vision"][name] = stored
    files["decoder"]["lm_head.weight"] = files["decoder"]["model.embed_tokens.weight"].clone()
    return files


def config_of(model: PictureModel) -> dict:
    """Sizes and special tokens, in the form of LLaVA's `config.json`."""
    shape = model.decoder.shape
    return {
        "architectures": ["LlavaForConditionalGeneration"],
        "model_type": "llava",
        "image_token_index": IMAGE,
        "image_seq_length": model.grid**2,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "pad_token_id": PAD,
        "text_config": {"model_type": "llama", **shape.to_dict()},
        "vision_config": {
            "model_type": "conv_transformer",
            "image_size": model.grid * PATCH_SIZE,
            "patch_size": PATCH_SIZE,
            "hidden_size": VISION_HIDDEN,
            "num_hidden_layers": VISION_BLOCKS,
            "num_attention_heads": VISION_HEADS,
        },
        "vocabulary": list(VOCABULARY),
    }


def load_weights(folder: Path = WEIGHTS) -> PictureModel:
    """The committed model, float32 from float16."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    sizes = {name: value for name, value in config["text_config"].items() if name != "model_type"}
    grid = config["vision_config"]["image_size"] // PATCH_SIZE
    model = PictureModel(DecoderShape(**sizes), grid)
    decoder = load_file(folder / "decoder.safetensors")
    decoder.pop("lm_head.weight")
    weights = {f"decoder.{name}": value for name, value in decoder.items()}
    model.load_state_dict(weights | load_file(folder / "vision.safetensors"))
    return model


def write_weights(model: PictureModel, folder: Path) -> None:
    """Write `decoder.safetensors`, `vision.safetensors` and `config.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, weights in half_weights(model).items():
        save_file(weights, folder / f"{name}.safetensors", metadata={"format": "pt"})
    text = json.dumps(config_of(model), indent=2)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Export a checkpoint into `weights/`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="deep")
    parser.add_argument("--name", default="")
    parser.add_argument("--to", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    model = load_model(checkpoint_folder(arguments.name) / f"{arguments.checkpoint}.pt")
    write_weights(model, arguments.to)
    for path in sorted(arguments.to.iterdir()):
        print(f"{path.stat().st_size:>10,}  {path.name}")


if __name__ == "__main__":
    main()
