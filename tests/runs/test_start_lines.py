"""What a run says of itself before its first step."""

from __future__ import annotations

from dataclasses import replace

from aedenoise.config import Experiment
from aedenoise.runs.figures import stages_line
from experiments import keras_io, sdae


def test_low_figures_of_the_first_epochs_are_explained() -> None:
    assert stages_line(Experiment()) == ""
    assert stages_line(sdae.EXPERIMENT) == (
        "epochs 1 to 3 of 5 train the 3 layers one after another: the figures of test images are "
        "low until then"
    )
    experiment = replace(keras_io.EXPERIMENT, epochs=60)
    assert stages_line(experiment).startswith("epochs 1 to 50 of 60 train on images without noise")
