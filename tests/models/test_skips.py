"""Skip connections, further convolutions, residual networks and networks without a bottleneck."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aedenoise.config import DECODERS, ModelConfig
from aedenoise.config.study import parse_decoder
from aedenoise.errors import UsageError
from aedenoise.models import Encoding, build_autoencoder, constant_code
from aedenoise.ops.images import to_image, to_logits
from aedenoise.studies.comparison import costs
from aedenoise.studies.comparison.matching import match_networks
from aedenoise.training.task import parameter_count

KEY = jax.random.key(0)
IMAGES = jax.random.uniform(KEY, (2, 16, 12, 1))


def config(decoder: str = "upsample", **options: Any) -> ModelConfig:
    widths = (8, 8) if decoder == "bilinear_additive" else (8, 4)
    return ModelConfig(
        **{"encoder_features": (4, 8), "decoder_features": widths, "decoder": decoder, **options}
    )


def make(of: ModelConfig, lowering: str = "auto") -> tuple[Any, Any]:
    model = build_autoencoder(of, 1, lowering=lowering)
    return model, jax.jit(model.init)(KEY, IMAGES)


@pytest.mark.parametrize("skip", ["add", "concat"])
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.fast_cases("upsample-concat", "transpose-add", "max_unpool-concat")
def test_kernels_equal_xla_in_values_and_gradients(decoder: str, skip: str) -> None:
    own = config(decoder, skip=skip, convs=2 if skip == "add" else 1)
    results = []
    for lowering in ("plain", "auto"):
        model, variables = make(own, lowering)

        def loss(variables: Any, images: Any, model: Any = model) -> Any:
            return jnp.sum(jnp.sin(3.0 * to_image(model.apply(variables, images))))

        value, gradients = jax.jit(jax.value_and_grad(loss, (0, 1)))(variables, IMAGES)
        results.append(jax.tree.leaves((value, gradients)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("skip", ["add", "concat"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_detail_passes_around_the_code(decoder: str, skip: str) -> None:
    """Moves one pixel of an image. Without the code's part, the output still moves there."""
    model, variables = make(config(decoder, skip=skip))
    code = model.apply(variables, IMAGES, method="encode")
    assert isinstance(code, Encoding)
    assert [each.shape for each in code.skips] == [(2, 16, 12, 4), (2, 8, 6, 8)]
    moved = model.apply(variables, IMAGES.at[:, 5, 5].add(0.5), method="encode")
    mixed = moved._replace(code=code.code, argmax=code.argmax)
    before, after = (model.apply(variables, each, method="decode") for each in (code, mixed))
    assert float(jnp.max(jnp.abs(after - before)[:, 5, 5])) > 1e-3


def test_addition_costs_nothing_at_equal_widths_and_a_1x1_convolution_otherwise() -> None:
    plain = parameter_count(make(config())[1])
    assert parameter_count(make(config(skip="add"))[1]) == plain
    variables = make(config(skip="add", decoder_features=(6, 4)))[1]
    assert variables["params"]["decoder"]["skip0"]["kernel"].shape == (1, 1, 8, 6)
    assert "skip1" not in variables["params"]["decoder"]


def test_a_stage_has_so_many_convolutions() -> None:
    params = make(config(convs=3, skip="concat"))[1]["params"]
    assert sorted(params["encoder"]) == sorted(
        f"conv{stage}{more}" for stage in (0, 1) for more in ("", "_1", "_2")
    )
    assert params["decoder"]["conv0_1"]["kernel"].shape == (3, 3, 8 + 8, 8)
    assert params["decoder"]["conv0_2"]["kernel"].shape == (3, 3, 8, 8)


def test_a_residual_network_subtracts_what_it_estimates() -> None:
    model, variables = make(config(residual=True))
    silent = jax.tree.map(jnp.zeros_like, variables)
    np.testing.assert_allclose(to_image(model.apply(silent, IMAGES)), IMAGES, atol=2e-4)
    silent["params"]["decoder"]["output"]["bias"] = jnp.array([0.25])
    expected = jnp.clip(IMAGES - 0.25, 0.0, 1.0)
    np.testing.assert_allclose(to_image(model.apply(silent, IMAGES)), expected, atol=2e-4)


def test_gradients_of_logits_pass_outside_of_the_range() -> None:
    values = jnp.array([-0.5, 0.0, 0.3, 1.0, 1.7])
    slope = jax.vmap(jax.grad(lambda x: to_image(to_logits(x))))(values)
    np.testing.assert_allclose(slope, np.ones(5), rtol=1e-3)


def test_a_network_without_a_bottleneck_takes_any_size() -> None:
    own = ModelConfig(network="plain", encoder_features=(4, 4), convs=2)
    model, variables = make(own)
    assert model.apply(variables, IMAGES[:, :7, :5]).shape == (2, 7, 5, 1)
    assert (own.downsampling, own.fitting(7), own.stages) == (1, 7, 0)


def test_a_constant_code_has_constant_skip_connections() -> None:
    model, variables = make(config("max_unpool", skip="concat"))
    code = constant_code(model.apply(variables, IMAGES, method="encode"), 2)
    assert isinstance(code, Encoding)
    assert all(float(jnp.max(jnp.ptp(each, axis=(1, 2)))) == 0.0 for each in code.skips)
    assert model.apply(variables, code, method="decode").shape == (1, 16, 12, 1)


@pytest.mark.parametrize("name", ["upsample:concat", "transpose:k4:add", "transpose:residual"])
def test_comparisons_match_parameters_of_networks_with_skip_connections(name: str) -> None:
    base = config(encoder_features=(16, 16), decoder_features=(16, 16))
    networks = match_networks(("upsample", name), base, (28, 28, 1), "parameters")
    assert abs(networks[name].ratio - 1.0) < 0.01


def test_comparisons_match_stages_of_several_convolutions() -> None:
    base = config(encoder_features=(16, 16), decoder_features=(16, 16), convs=3)
    networks = match_networks(("upsample", "transpose:concat"), base, (28, 28, 1), "parameters")
    own = parse_decoder("transpose:concat", base)
    assert abs(networks["transpose:concat"].ratio - 1.0) < 0.01
    assert sum(costs.parameters(own, (28, 28, 1)).values()) > networks["upsample"].parameters


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"skip": "concat", "decoder": "transpose", "tail": False}, "notail"),
        ({"skip": "both"}, "unknown skip"),
        ({"convs": 0}, "convs must be from 1"),
        ({"network": "plain", "skip": "add"}, "skip is for model conv"),
        ({"network": "plain", "decoder": "transpose"}, "decoder is for model"),
        ({"network": "mlp", "residual": True}, "residual is for model conv and plain"),
        (
            {"decoder": "bilinear_additive", "skip": "concat", "encoder_features": (4, 8)}
            | {"decoder_features": (6, 8)},
            "must be divisible by 4",
        ),
    ],
)
def test_what_contradicts_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ModelConfig(**options)
