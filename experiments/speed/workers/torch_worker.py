"""PyTorch: torch_worker.py MODE DECODER BATCH FILES VARIANT WIDTH

VARIANT is any of ``channels_last``, ``compile`` and ``bfloat16``, joined by ``+``, or ``eager``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent))
from serving import serve


def network(decoder: str, width: int) -> nn.Sequential:
    def conv(inputs: int, outputs: int) -> nn.Conv2d:
        return nn.Conv2d(inputs, outputs, 3, padding=1)

    def up() -> nn.Module:
        return nn.ConvTranspose2d(width, width, 3, stride=2, padding=1, output_padding=1)

    pool, hidden = nn.MaxPool2d(2), conv(width, width)
    encoder = [conv(1, width), nn.ReLU(), pool, hidden, nn.ReLU(), pool]
    if decoder == "transpose":
        stages = [up(), nn.ReLU(), up(), nn.ReLU()]
    else:
        enlarge = nn.Upsample(scale_factor=2)
        first, second = conv(width, width), conv(width, width)
        stages = [first, nn.ReLU(), enlarge, second, nn.ReLU(), enlarge]
    return nn.Sequential(*encoder, *stages, conv(width, 1))


def main(mode: str, decoder: str, batch_size: int, files: Path, variant: str, width: int) -> None:
    options = set(variant.split("+"))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    layout = torch.channels_last if "channels_last" in options else torch.contiguous_format
    model = network(decoder, width).to(device, memory_format=layout)
    images = torch.from_numpy(np.load(files / "images.npy")).permute(0, 3, 1, 2).to(device)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    forward = torch.compile(model) if "compile" in options else model
    autocast = torch.autocast(device, torch.bfloat16, enabled="bfloat16" in options)

    def batch() -> torch.Tensor:
        index = torch.randint(0, len(images), (batch_size,), device=device)
        return (images[index].float() / 255.0).contiguous(memory_format=layout)

    def train(steps: int) -> None:
        for _ in range(steps):
            clean = batch()
            noisy = (clean + 0.4 * torch.randn_like(clean)).clamp_(0.0, 1.0)
            optimizer.zero_grad(set_to_none=True)
            with autocast:
                logits = forward(noisy)
            loss = functional.binary_cross_entropy_with_logits(logits.float(), clean)
            loss.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    def infer(steps: int) -> None:
        with torch.inference_mode(), autocast:
            for _ in range(steps):
                torch.sigmoid(forward(image))
        if device == "cuda":
            torch.cuda.synchronize()

    image = batch()
    # Three hidden layers between two of one channel.
    expected = 10 * width + 3 * (9 * width + 1) * width + 9 * width + 1
    assert sum(p.numel() for p in model.parameters()) == expected
    serve({"versions": f"torch {torch.__version__}"}, train if mode == "train" else infer)


if __name__ == "__main__":
    main(
        sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), sys.argv[5], int(sys.argv[6])
    )
