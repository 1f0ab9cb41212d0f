"""Measured corrections of where a model's cells lie, stored beside this file (`effviz calibrate MODEL` adds one)."""

import errno
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from effviz import files
from effviz.errors import SettingsError
from effviz.words import _, later

_log = logging.getLogger(__name__)
PATH: Final = Path(__file__).with_name("calibration.json")
WRITABLE: Final = later("Measure from a clone of the repository, or as somebody who may write there.")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Where evidence for objects at known places was found, by a straight line in each direction.

    found - S/2 = slope * (true - S/2) + offset, in pixels of the S x S input; x to the right, y downwards.
    """

    model: str  # label, "lite0@224"
    resolution_px: int  # S
    offset_x: float  # input pixels
    offset_y: float
    slope: float  # below 1: evidence is drawn nearer to the centre than its object
    error_cells: float  # distance left after the correction, root mean square, in cells
    plain_error_cells: float  # the same without correction
    plantings: int  # objects at places that were measured
    made: str  # how, in one line


def calibrations(path: Path = PATH) -> dict[str, Calibration]:
    """All stored calibrations by the model's label."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {label: Calibration(**entry) for label, (seal, entry) in entries.items() if _whole(label, seal, entry)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _log.warning("%s cannot be read, so there are no calibrations: %s", path, error)
        return {}


def measured(label: str) -> bool:
    """Tell whether a model has a calibrated placement at this input size."""
    return label in calibrations()


def find(label: str) -> Calibration:
    """The calibration of a model at an input size, `lite0@224`.

    Raises:
        SettingsError: this model was not measured at this size.
    """
    known = calibrations()
    if label not in known:
        raise SettingsError(
            _(
                "{model} has no calibrated placement; measured are {measured}. "
                "Choose plain placement, or measure it: effviz calibrate {model}"
            ).format(model=label, measured=", ".join(sorted(known)) or _("none"))
        )
    return known[label]


def store(calibration: Calibration, path: Path = PATH) -> None:
    """Add or replace one calibration; readers never see half a file.

    Raises:
        SettingsError: it cannot be written.
    """
    found = [*calibrations(path).values(), calibration]
    entries = {entry.model: (_seal(asdict(entry)), asdict(entry)) for entry in found}
    with files.writing(path, WRITABLE):
        files.replace_text(path, json.dumps(entries, indent=2, sort_keys=True) + "\n")


def check_writable(path: Path = PATH) -> None:
    """See that `store` will do, before minutes are spent on measuring.

    Raises:
        SettingsError: it will not.
    """
    with files.writing(path, WRITABLE):
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _seal(entry: Mapping[str, object]) -> str:
    """What tells an entry from one that was damaged, or changed by hand."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def _whole(label: str, seal: str, entry: Mapping[str, object]) -> bool:
    if seal == _seal(entry) and entry.get("model") == label:
        return True
    _log.warning("The calibration of %s is damaged and not used: measure it again.", label)
    return False
