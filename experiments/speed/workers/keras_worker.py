"""Keras 3: keras_worker.py MODE DECODER BATCH FILES BACKEND WIDTH, trained by ``fit``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = sys.argv[5]
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers

sys.path.insert(0, str(Path(__file__).parent))
from serving import serve


def network(decoder: str, width: int) -> keras.Model:
    def conv(features: int, activation: str = "relu") -> layers.Layer:
        return layers.Conv2D(features, 3, padding="same", activation=activation)

    def up() -> layers.Layer:
        return layers.Conv2DTranspose(width, 3, strides=2, padding="same", activation="relu")

    image = keras.Input((28, 28, 1))
    x = layers.ReLU(max_value=1.0)(layers.GaussianNoise(0.4)(image))
    for _ in range(2):
        x = layers.MaxPooling2D(2, padding="same")(conv(width)(x))
    if decoder == "transpose":
        x = up()(up()(x))
    else:
        for _ in range(2):
            x = layers.UpSampling2D(2)(conv(width)(x))
    return keras.Model(image, conv(1, "sigmoid")(x))


def main(mode: str, decoder: str, batch_size: int, files: Path, width: int) -> None:
    model = network(decoder, width)
    model.compile(optimizer="adam", loss="binary_crossentropy")
    # Three hidden layers between two of one channel; Keras counts the noise's seed, too.
    expected = 10 * width + 3 * (9 * width + 1) * width + 9 * width + 1
    assert model.count_params() in (expected, expected + 2)
    images = np.load(files / "images.npy").astype("float32") / 255.0

    def run(steps: int) -> None:
        some = images[: steps * batch_size]
        if mode == "train":
            model.fit(some, some, batch_size=batch_size, verbose=0)
        else:
            model.predict(some, batch_size=batch_size, verbose=0)

    version = f"keras {keras.__version__}, {sys.argv[5]} {_backend_version()}"
    serve({"versions": version}, run)


def _backend_version() -> str:
    from importlib import metadata

    names = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",)}[sys.argv[5]]
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "?"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[6]))
