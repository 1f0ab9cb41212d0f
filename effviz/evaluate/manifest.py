"""`run.json`: what decided a run's rows, so that it can go on, be repeated, and be believed."""

import dataclasses
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from effviz import files, regular_files
from effviz.errors import SettingsError
from effviz.evaluate.merging import Thresholds
from effviz.evaluate.settings import Metric, Settings
from effviz.words import _

FILE: Final = "run.json"
FORMAT: Final = 2  # of a run's folder
BEFORE: Final = 1  # without controls inside the crop: its results are read, but it cannot go on
LARGEST_BYTES: Final = 2**24

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Network:
    """A model of a run."""

    label: str
    weights_sha256: str
    engine: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A run's folder and what its `run.json` holds."""

    folder: Path
    settings: Settings
    dataset: str  # its path
    fingerprint: str
    photos: int  # that are measured
    photos_a_part: int
    networks: tuple[Network, ...]
    versions: Mapping[str, str]  # of what it was begun with
    sittings: tuple[Mapping[str, str], ...] = ()  # versions of each time it went on
    finished: bool = False
    seconds: float = 0.0  # over all sittings
    thresholds: tuple[Thresholds, ...] = ()
    results_sha256: str = ""  # of results.parquet; runs of before have none
    format: int = FORMAT

    @property
    def key(self) -> str:
        """All that decides the rows, as text."""
        rows = (self.settings.as_dict(), self.fingerprint, self.photos_a_part, [asdict(of) for of in self.networks])
        return json.dumps(rows, sort_keys=True)

    def as_dict(self) -> dict[str, Any]:
        """Return the content of `run.json`."""
        return {
            "format": self.format,
            "finished": self.finished,
            "seed": self.settings.seed,
            "settings": self.settings.as_dict(),
            "dataset": {"path": self.dataset, "fingerprint": self.fingerprint, "photos": self.photos},
            "models": [asdict(network) for network in self.networks],
            "versions": dict(self.versions),
            "sittings": [dict(versions) for versions in self.sittings],
            "photos_a_part": self.photos_a_part,
            "seconds": self.seconds,
            "thresholds": [asdict(found) for found in self.thresholds],
            "results_sha256": self.results_sha256,
        }


def opened(out: Path, wanted: Manifest) -> Manifest:
    """Make a run's folder, or go on with the run that is in it, which then says with what versions.

    Raises:
        SettingsError: it holds another run, or another engine measured so far.
    """
    known = found(out, wanted)
    if known is None:
        out.mkdir(parents=True, exist_ok=True)
        return kept(dataclasses.replace(wanted, folder=out))
    if known.finished:
        return known
    before = (known.versions, *known.sittings)[-1]
    if changed := [
        f"{name} {before.get(name)}, now {of}" for name, of in wanted.versions.items() if before.get(name) != of
    ]:
        _log.warning("%s goes on with other versions, and numbers may differ a little: %s", out, "; ".join(changed))
    return kept(known, sittings=(*known.sittings, wanted.versions))


def found(out: Path, wanted: Manifest) -> Manifest | None:
    """Return the run that a folder holds, if it is the one that is asked for.

    Raises:
        SettingsError: it is another one, or it would go on with another engine.
    """
    if not (out / FILE).exists():
        return None
    known = read(out)
    for name, theirs, ours in _differences(known, wanted):
        raise SettingsError(
            _(
                "{out} holds a run with {name} {theirs}, and now {name} {ours} is asked for: only the same run goes on "
                "there. Give the old settings, or choose another folder with --out."
            ).format(out=out, name=name, theirs=theirs, ours=ours)
        )
    if not known.finished:
        if known.format != FORMAT:
            raise SettingsError(
                _(
                    "{out} holds a run that an earlier version began and did not finish: this version measures other "
                    "controls, and only a run of one version goes on. Choose another folder with --out."
                ).format(out=out)
            )
        _check_engines(out, known, wanted)
    return dataclasses.replace(known, dataset=wanted.dataset)


def read(run: Path) -> Manifest:
    """Read a run's `run.json`.

    Raises:
        SettingsError: there is none, or it is not one that this version wrote.
    """
    try:
        content = regular_files.parsed_json(regular_files.read(run / FILE, LARGEST_BYTES))
        if content["format"] not in (BEFORE, FORMAT):
            raise ValueError(f"format {content['format']}")
        return _parsed(run, content)
    except (OSError, ValueError, KeyError, TypeError, SettingsError) as error:
        raise SettingsError(
            _(
                "{run} is not the folder of a run ({error}): it must hold a {file} of this version. Make one with "
                "`effviz evaluate`."
            ).format(run=run, error=error.strerror if isinstance(error, OSError) else error, file=FILE)
        ) from error


def kept(run: Manifest, **changes: Any) -> Manifest:
    """Write `run.json`, whole or not at all."""
    changed = dataclasses.replace(run, **changes)
    text = json.dumps(changed.as_dict(), indent=1, ensure_ascii=False) + "\n"
    files.replace_text(run.folder / FILE, text)
    return changed


def _differences(known: Manifest, wanted: Manifest) -> list[tuple[str, object, object]]:
    theirs, ours = known.settings.as_dict(), wanted.settings.as_dict()
    theirs |= {"data of fingerprint": known.fingerprint} | _weights(known)
    ours |= {"data of fingerprint": wanted.fingerprint} | _weights(wanted)
    return [(name, theirs.get(name), value) for name, value in ours.items() if theirs.get(name) != value]


def _check_engines(out: Path, known: Manifest, wanted: Manifest) -> None:
    for theirs, ours in zip(known.networks, wanted.networks, strict=True):
        if theirs.engine != ours.engine:
            raise SettingsError(
                _(
                    "{out} holds a run of {model} on the engine {theirs}, and this process has {ours}: a run has one "
                    "engine, since their numbers agree only to a thousandth. Set EFFVIZ_ENGINE={theirs}, or choose "
                    "another folder with --out."
                ).format(out=out, model=ours.label, theirs=theirs.engine, ours=ours.engine)
            )


def _weights(of: Manifest) -> dict[str, object]:
    return {f"weights of {network.label}": network.weights_sha256 for network in of.networks}


def _parsed(run: Path, content: Mapping[str, Any]) -> Manifest:
    return Manifest(
        folder=run,
        settings=Settings.from_dict(content["settings"]),
        dataset=content["dataset"]["path"],
        fingerprint=content["dataset"]["fingerprint"],
        photos=content["dataset"]["photos"],
        photos_a_part=content["photos_a_part"],
        networks=tuple(Network(**network) for network in content["models"]),
        versions=content["versions"],
        sittings=tuple(content.get("sittings", ())),  # runs of before had none
        finished=content["finished"],
        seconds=content["seconds"],
        thresholds=tuple(_threshold(found) for found in content["thresholds"]),
        results_sha256=content.get("results_sha256", ""),
        format=content["format"],
    )


def _threshold(found: Mapping[str, Any]) -> Thresholds:
    cuts = {name: tuple(found[name]) for name in ("overlaps", "thresholds")}
    return Thresholds(found["model"], found["method"], Metric(found["metric"]), **cuts, accuracy=found["accuracy"])
