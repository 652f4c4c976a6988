"""``study.json``: a comparison and its networks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from aedenoise.config.study import Study, study_from_dict, study_to_dict
from aedenoise.errors import CheckpointError
from aedenoise.files import write_json
from aedenoise.studies.comparison.matching import Network

FORMAT = 1
Networks = dict[str, dict[str, dict[str, Network]]]
"""Networks by match, dataset and decoder."""


def write_study_file(path: Path, study: Study, networks: Networks | None) -> None:
    """Writes a study, and its networks unless they are still to be matched."""
    content = {
        "format": FORMAT,
        "study": study_to_dict(study),
        "networks": networks and _plain(networks),
    }
    write_json(path, content, indent=1, allow_nan=False)


def read_study_file(path: Path) -> tuple[Study, Networks | None]:
    """Reads a study and its networks, which are None before they are matched.

    Raises:
      CheckpointError: if it cannot be read.
    """
    version, study, networks = parse_study_file(path)
    if version != FORMAT:
        raise CheckpointError(f"{path} has format {version}, this version reads {FORMAT}")
    known = study_from_dict(study)
    try:
        return known, None if networks is None else _networks(networks)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({type(error).__name__})") from error


def parse_study_file(path: Path) -> tuple[Any, Any, Any]:
    """Returns format, study and networks as they are in the file.

    Raises:
      CheckpointError: if it is damaged, or of another program.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content["format"], content["study"], content["networks"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is damaged ({type(error).__name__}); choose another --workdir"
        ) from error


def _plain(networks: Networks) -> Any:
    return {
        match: {
            dataset: {decoder: dataclasses.asdict(found) for decoder, found in decoders.items()}
            for dataset, decoders in datasets.items()
        }
        for match, datasets in networks.items()
    }


def _networks(plain: Any) -> Networks:
    return {
        match: {
            dataset: {
                decoder: Network(**{**values, "features": tuple(values["features"])})
                for decoder, values in decoders.items()
            }
            for dataset, decoders in datasets.items()
        }
        for match, datasets in plain.items()
    }
