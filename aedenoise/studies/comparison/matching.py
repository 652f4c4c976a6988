"""Networks that are fair to compare: widths at which decoders cost the same."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aedenoise.config import ModelConfig
from aedenoise.config.study import display_name, parse_decoder
from aedenoise.errors import UsageError
from aedenoise.studies.comparison import costs
from aedenoise.studies.comparison.costs import ImageShape

TOLERANCE = 0.01
# Widths are sought from 1/16 to 16 times those of the reference, then around proportion.
_SCALE = 16.0
_REACH = 3
_HALVINGS = 12
# A latency costs two compilations; these halvings end within a percent of a width.
_LATENCY_HALVINGS = 7
Widths = tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """A decoder's network in a comparison.

    Attributes:
      features: widths of the decoder's stages.
      parameters, decoder_parameters: of the whole network, and of its decoder.
      multiply_adds: of the whole network for one image, see ``costs.multiply_adds``.
      ratio: the matched cost over that of the reference.
    """

    features: Widths
    parameters: int
    decoder_parameters: int
    multiply_adds: int
    ratio: float


def match_networks(
    decoders: tuple[str, ...], base: ModelConfig, shape: ImageShape, match: str
) -> dict[str, Network]:
    """Every decoder with the widths at which it costs what the first one costs with ``base``'s.

    Args:
      decoders: as in ``Study``.
      base: the encoder, which all share, and the widths of the first decoder.
      shape: of the images, [H, W, C].
      match: ``parameters`` or ``multiply_adds`` of the network within 1 %, its ``latency`` as near
        as widths allow, or ``widths``, which stay as they are.

    Raises:
      UsageError: if a decoder has no widths within 1 %.
    """
    reference = parse_decoder(decoders[0], base)
    return {
        decoder: _network(decoder, parse_decoder(decoder, base), reference, shape, match)
        for decoder in decoders
    }


def _network(
    decoder: str, config: ModelConfig, reference: ModelConfig, shape: ImageShape, match: str
) -> Network:
    ratio = 1.0
    if match == "latency" and config != reference:
        config, ratio = _match_latency(config, reference, shape)
    elif match in ("parameters", "multiply_adds"):
        cost = _COSTS[match]
        config, ratio = _match_count(config, lambda c: cost(c, shape), cost(reference, shape))
        if abs(ratio - 1.0) > TOLERANCE:
            raise UsageError(
                f"{display_name(decoder)} has no widths with the {match.replace('_', '-')} of "
                f"{display_name(reference.decoder)} within 1 %: nearest are "
                f"{','.join(map(str, config.decoder_features))} with {ratio:.3f} times as many; "
                "leave it out, or compare with --match=widths"
            )
    counted = costs.parameters(config, shape)
    return Network(
        features=config.decoder_features,
        parameters=sum(counted.values()),
        decoder_parameters=counted["decoder"],
        multiply_adds=costs.multiply_adds(config, shape),
        ratio=round(ratio, 4),
    )


_COSTS: dict[str, Callable[[ModelConfig, ImageShape], int]] = {
    "parameters": lambda config, shape: sum(costs.parameters(config, shape).values()),
    "multiply_adds": costs.multiply_adds,
}


def _match_count(
    config: ModelConfig, cost: Callable[[ModelConfig], int], target: int
) -> tuple[ModelConfig, float]:
    """Among widths within the tolerance those nearest to proportion; else those nearest in cost."""
    base = config.decoder_features
    count = cost(config)
    if count == target or config.decoder_spec.needs_argmax:  # which has the encoder's widths
        return config, count / target
    scale = _bisect(
        lambda s: cost(_with_widths(config, _scaled(config, base, s))) / target, _HALVINGS
    )
    ratios = {
        widths: count / target
        for leading in _near(config, _scaled(config, base, scale)[:-1])
        for widths, count in _ending(config, leading, cost, target)
    }

    def preference(widths: Widths) -> tuple[bool, float]:
        error = abs(ratios[widths] - 1.0)
        shares = [math.log(w / b) for w, b in zip(widths, base, strict=True)]
        outside = error > TOLERANCE
        return outside, error if outside else max(shares) - min(shares) + error

    best = min(sorted(ratios), key=preference)
    return _with_widths(config, best), ratios[best]


def _near(config: ModelConfig, centre: Widths) -> Iterator[Widths]:
    """``centre`` and the widths around it."""
    around = [
        [c + offset * _step(config, stage) for offset in range(-_REACH, _REACH + 1)]
        for stage, c in enumerate(centre)
    ]
    for widths in itertools.product(*around):
        if not widths or min(widths) > 0:
            yield widths


def _ending(
    config: ModelConfig, leading: Widths, cost: Callable[[ModelConfig], int], target: int
) -> Iterator[tuple[Widths, int]]:
    """The last widths that bring ``leading`` to either side of the target, with their costs. Both
    costs grow in proportion to the last width, on top of what does not depend on it."""
    one, two = (cost(_with_widths(config, (*leading, width))) for width in (1, 2))
    slope = two - one
    if slope == 0:  # without a tail the last width is that of the image
        yield (*leading, config.decoder_features[-1]), one
        return
    below = (target - one) // slope + 1
    for width in (below, below + 1):
        if width >= 1:
            yield (*leading, width), one + (width - 1) * slope


def _match_latency(
    config: ModelConfig, reference: ModelConfig, shape: ImageShape
) -> tuple[ModelConfig, float]:
    """The proportional widths whose measured latency is nearest."""
    base = config.decoder_features
    measured: dict[Widths, float] = {}

    def ratio(scale: float) -> float:
        widths = _scaled(config, base, scale)
        if widths not in measured:
            measured[widths] = costs.latency_ratio(_with_widths(config, widths), reference, shape)
        return measured[widths]

    if config.decoder_spec.needs_argmax:
        return config, ratio(1.0)
    _bisect(ratio, _LATENCY_HALVINGS)
    best = min(measured, key=lambda widths: abs(measured[widths] - 1.0))
    return _with_widths(config, best), measured[best]


def _bisect(ratio: Callable[[float], float], halvings: int) -> float:
    """The scale at which an increasing ratio is one."""
    low, high = math.log(1.0 / _SCALE), math.log(_SCALE)
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (middle, high) if ratio(math.exp(middle)) < 1.0 else (low, middle)
    return math.exp((low + high) / 2)


def _scaled(config: ModelConfig, base: Widths, scale: float) -> Widths:
    return tuple(
        max(1, round(scale * width / _step(config, stage))) * _step(config, stage)
        for stage, width in enumerate(base)
    )


def _step(config: ModelConfig, stage: int) -> int:
    """Returns the number that the width of a stage must be a multiple of."""
    inner = stage < len(config.decoder_features) - 1
    return config.stride**2 if config.decoder_spec.sums_channels and inner else 1


def _with_widths(config: ModelConfig, widths: Widths) -> ModelConfig:
    return dataclasses.replace(config, decoder_features=widths)
