"""Matching of networks for a fair comparison: decoder widths of equal cost."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aedenoise.config import ModelConfig
from aedenoise.config.decoders import is_class_name
from aedenoise.config.fields import MOST_WIDTH
from aedenoise.config.study import Study, display_name, parse_decoder
from aedenoise.errors import UsageError
from aedenoise.models import build_decoder
from aedenoise.models.named_decoders import declares
from aedenoise.studies.comparison import costs
from aedenoise.studies.comparison.costs import ImageShape

# Largest relative difference of matched costs.
TOLERANCE = 0.01
# The search spans 1/16 to 16 times the reference widths, then widths near proportional ones.
_SCALE = 16.0
_REACH = 3
_HALVINGS = 12
# Fewer, because each latency takes two compilations; they narrow the scale to 4 %.
_LATENCY_HALVINGS = 7
Widths = tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """Network of one decoder in a comparison.

    Attributes:
      features: widths of the decoder's stages; empty where its class has no field ``features``.
      parameters, decoder_parameters: parameters of the whole network and of its decoder.
      multiply_adds: multiply-adds of the whole network per image, see ``costs.multiply_adds``.
      ratio: matched cost relative to that of the reference.
    """

    features: Widths
    parameters: int
    decoder_parameters: int
    multiply_adds: int
    ratio: float


def check_importable(study: Study) -> None:
    """Constructs the decoders outside of the package, before anything is written.

    Raises:
      UsageError: if one cannot be imported or constructed.
    """
    for decoder in study.decoders:
        config = parse_decoder(decoder, study.base.model)
        if is_class_name(config.decoder):
            build_decoder(config)


def match_networks(
    decoders: tuple[str, ...], base: ModelConfig, shape: ImageShape, match: str
) -> dict[str, Network]:
    """Finds widths for every decoder so that its network costs as much as that of the first one.

    Args:
      decoders: decoders as in ``Study``; the first is the reference.
      base: model with the common encoder and the widths of the first decoder.
      shape: image shape [H, W, C].
      match: cost to match: ``parameters`` or ``multiply_adds`` within 1 %, ``latency`` as closely
        as widths allow, or ``widths``, which keeps those of ``base``. A ``module:Class`` without
        a field ``features`` is taken as it is.

    Returns:
      A network for each decoder.

    Raises:
      UsageError: if no widths of a decoder match within 1 %.
    """
    reference = parse_decoder(decoders[0], base)
    return {
        decoder: _network(decoder, parse_decoder(decoder, base), reference, shape, match)
        for decoder in decoders
    }


def _network(
    decoder: str, config: ModelConfig, reference: ModelConfig, shape: ImageShape, match: str
) -> Network:
    ratio, without_widths = 1.0, _lacks_widths(config)
    if match == "latency" and config != reference:
        config, ratio = _match_latency(config, reference, shape)
    elif match in ("parameters", "multiply_adds"):
        cost = _COSTS[match]
        config, ratio = _match_count(config, lambda c: cost(c, shape), cost(reference, shape))
        if abs(ratio - 1.0) > TOLERANCE and not without_widths:
            raise UsageError(
                f"{display_name(decoder)} has no widths with the {match.replace('_', '-')} of "
                f"{display_name(reference.decoder)} within 1 %: the nearest, "
                f"{','.join(map(str, config.decoder_features))}, have {ratio:.3f} times as many; "
                "remove it from --decoders or use --match=widths"
            )
    counted = costs.parameters(config, shape)
    return Network(
        features=() if without_widths else config.decoder_features,
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
    """Finds the most proportional widths within the tolerance, else those of the nearest cost."""
    base = config.decoder_features
    count = cost(config)
    if count == target or _has_fixed_widths(config):
        return config, count / target
    scale = _bisect(
        lambda s: cost(_with_widths(config, _scaled(config, base, s))) / target, _HALVINGS
    )
    ratios = {
        widths: count / target
        # Only leading widths are searched; the last one follows in closed form.
        for leading in _near(config, _scaled(config, base, scale)[:-1])
        for widths, count in _ending(config, leading, cost, target)
    }

    def preference(widths: Widths) -> tuple[bool, float]:
        error = abs(ratios[widths] - 1.0)
        shares = [math.log(w / b) for w, b in zip(widths, base, strict=True)]
        outside = error > TOLERANCE
        return outside, error if outside else max(shares) - min(shares) + error

    # Sorted first, so that ties do not depend on the order of the search.
    best = min(sorted(ratios), key=preference)
    return _with_widths(config, best), ratios[best]


def _near(config: ModelConfig, centre: Widths) -> Iterator[Widths]:
    """Yields ``centre`` and all valid widths around it."""
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
    """Yields ``leading`` with the two last widths just below and above the target, and their costs.

    Costs grow with the last width, linearly or, with several convolutions a stage, as a quadratic;
    those of a class outside of the package in any way.
    """

    def cost_at(width: int) -> int:
        return cost(_with_widths(config, (*leading, width)))

    one, two = cost_at(1), cost_at(2)
    slope = two - one
    if slope == 0:  # without a tail the last width is the number of image channels
        yield (*leading, config.decoder_features[-1]), one
        return
    if is_class_name(config.decoder):
        below = _search_width(cost_at, target)
    else:
        curvature = 0 if config.convs == 1 else cost_at(3) - two - slope
        below = _largest_width(one, slope, curvature, target)
    for width in (below, below + 1):
        if width >= 1:
            yield (*leading, width), cost_at(width)


def _largest_width(one: int, slope: int, curvature: int, target: int) -> int:
    """Finds the largest width whose cost is at most ``target``, 0 if there is none.

    By Newton's differences from width 1, ``n`` more channels cost ``n slope + n (n - 1) / 2
    curvature`` more.
    """
    rest = target - one
    if rest < 0 or curvature == 0:
        return rest // slope + 1 if rest >= 0 else 0
    linear = slope - curvature / 2
    steps = (math.sqrt(linear**2 + 2 * curvature * rest) - linear) / curvature
    return math.floor(steps) + 1


def _search_width(cost_at: Callable[[int], int], target: int) -> int:
    """Finds the largest width whose cost is at most ``target`` by bisection, 0 if there is none."""
    low, high = 0, 1
    while high < MOST_WIDTH and cost_at(high) <= target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost_at(middle) <= target else (low, middle)
    return low


def _match_latency(
    config: ModelConfig, reference: ModelConfig, shape: ImageShape
) -> tuple[ModelConfig, float]:
    """Finds the proportional widths with the closest measured latency."""
    base = config.decoder_features
    measured: dict[Widths, float] = {}

    def ratio(scale: float) -> float:
        widths = _scaled(config, base, scale)
        if widths not in measured:
            measured[widths] = costs.latency_ratio(_with_widths(config, widths), reference, shape)
        return measured[widths]

    if _has_fixed_widths(config):
        return config, ratio(1.0)
    # Latency is noisy and not monotonic in the widths: the best measurement counts, not the end
    # of the bisection.
    _bisect(ratio, _LATENCY_HALVINGS)
    best = min(measured, key=lambda widths: abs(measured[widths] - 1.0))
    return _with_widths(config, best), measured[best]


def _bisect(ratio: Callable[[float], float], halvings: int) -> float:
    """Finds the scale at which the increasing function ``ratio`` is 1, by bisection of its log."""
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
    """Returns the divisor that the width of a stage must have."""
    inner = stage < len(config.decoder_features) - 1
    return config.stride**2 if config.decoder_spec.sums_channels and inner else 1


def _has_fixed_widths(config: ModelConfig) -> bool:
    # Argmax indices have the encoder's widths.
    return config.decoder_spec.needs_argmax or _lacks_widths(config)


def _lacks_widths(config: ModelConfig) -> bool:
    return is_class_name(config.decoder) and not declares(config.decoder, "features")


def _with_widths(config: ModelConfig, widths: Widths) -> ModelConfig:
    return dataclasses.replace(config, decoder_features=widths)
