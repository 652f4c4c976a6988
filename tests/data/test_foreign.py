"""Datasets of TFDS's catalogue with TensorFlow, and the message without it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from aedenoise.config import DataConfig, dataset_kind
from aedenoise.data.builders import read_open_letters
from aedenoise.data.reading import load
from aedenoise.data.sources import find_source
from aedenoise.errors import DataError, UsageError

HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None


@pytest.mark.skipif(HAS_TENSORFLOW, reason="TensorFlow is installed here")
def test_without_tensorflow_the_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs TensorFlow; .*'\.\[tfds\]'"):
        load("tfds:fashion_mnist", str(tmp_path))
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [".lock"]


@pytest.mark.skipif(not HAS_TENSORFLOW, reason="needs TensorFlow, the extra tfds")
def test_a_foreign_dataset_is_read_as_arrays(tmp_path: Path) -> None:
    letters, labels, _ = read_open_letters("test")

    class RealLetters(tfds.core.GeneratorBasedBuilder):
        """PNG images in TFRecord files, as TFDS's own datasets are."""

        VERSION = tfds.core.Version("1.0.0")
        pkg_dir_path = tmp_path
        code_path = Path(__file__)

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(28, 28, 1)),
                "label": tfds.features.ClassLabel(names=list("ABCDEFGHIJ")),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                disable_shuffling=True,
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(50), "test": self._generate_examples(20)}

        def _generate_examples(self, count):
            for i in range(count):
                yield i, {"image": letters[i][..., None], "label": int(labels[i])}

    lines: list[str] = []
    dataset = load("tfds:real_letters", str(tmp_path), lines.append)
    np.testing.assert_array_equal(dataset.train.images[..., 0], letters[:50])
    np.testing.assert_array_equal(dataset.test.labels, labels[:20])
    assert dataset.label_names == tuple("ABCDEFGHIJ")
    assert load("tfds:real_letters", str(tmp_path), lines.append).digest == dataset.digest
    assert len(lines) == 1
    with pytest.raises(UsageError, match="TFDS knows no dataset 'no_such_letters'"):
        load("tfds:no_such_letters", str(tmp_path))


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist", "emnist/letters", "cifar10"])
def test_names_of_the_catalogue_need_no_prefix(name: str) -> None:
    assert dataset_kind(name) == ("tfds", name)
    assert DataConfig(dataset=f"tfds:{name}").dataset == name
    source = find_source(DataConfig(dataset=name), None, None)
    assert name in str(source.folder)
    assert len(source.label_names) >= 10
