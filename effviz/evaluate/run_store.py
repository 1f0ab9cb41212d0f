"""A run's folder on disk: its rows, its manifest `run.json`, and the lock of the process that measures.

Each photo, model, method and metric has one row. A row without a value says in `error` why: for a photo that cannot be
used at all it is the only one, without model, method and metric.
"""

import dataclasses
import errno
import hashlib
import json
import logging
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from effviz import file_io, schema
from effviz.errors import SettingsError
from effviz.evaluate.dataset_samples import printable
from effviz.evaluate.heatmaps import THRESHOLDS, V2_OVERLAPS
from effviz.evaluate.run_settings import Metric, RunSettings
from effviz.explain.data_types import Doubles, Floats
from effviz.i18n import _

CHUNKS_FOLDER: Final = "parts"
RESULTS_FILE: Final = "results.parquet"
ROWS_PER_GROUP: Final = 1 << 16  # held in memory while parts are brought together
SEAL_SUFFIX: Final = ".seal"
logger = logging.getLogger(__name__)
_PARQUET_END: Final = b"PAR1"
_CHUNK_NAME: Final = re.compile(r"part-(\d{9})\.parquet")


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """One measurement."""

    photo: str
    model: str | None = None
    method: str | None = None
    metric: str | None = None
    value: float | None = None
    target_index: int | None = None
    error: str | None = None
    placement: str | None = None
    photo_sha256: str | None = None
    label: int | None = None  # the photo's class in this model's logits
    prediction: int | None = None  # the model's first choice
    probability: float | None = None  # of the target
    box_share: float | None = None  # of the photo that the object covers
    off_centre: bool | None = None  # small, and off the centre
    curve: Floats | None = None  # what the value is made of, a number for each step; see docs/metrics.md


RESULTS_SCHEMA: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("photo", "model", "method", "metric")),
        ("value", pa.float64()),
        ("target_index", pa.int32()),
        *((name, pa.string()) for name in ("error", "placement", "photo_sha256")),
        *((name, pa.int32()) for name in ("label", "prediction")),
        *((name, pa.float64()) for name in ("probability", "box_share")),
        ("off_centre", pa.bool_()),
        ("curve", pa.list_(pa.float32())),
    ]
)


def to_table(rows: Sequence[Measurement]) -> pa.Table:
    """Rows as a table."""
    columns = {name: map(attrgetter(name), rows) for name in RESULTS_SCHEMA.names}
    texts = {name: [printable(v) if isinstance(v, str) else v for v in values] for name, values in columns.items()}
    return pa.table(texts, RESULTS_SCHEMA)


def write_chunk(run: Path, start: int, rows: Sequence[Measurement], key: str = "") -> None:
    """Write the rows of the photos from number `start` on, in place of any that were there, sealed by the run's key."""
    folder = run / CHUNKS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"part-{start:09d}.parquet"
    seal = path.with_suffix(SEAL_SUFFIX)
    seal.unlink(missing_ok=True)  # without it the part does not count until it is rewritten
    file_io.write_atomically(path, lambda file: _write_tables(file, [to_table(rows)]), sync=False)
    file_io.write_atomically(seal, lambda file: file.write(_seal(path, key).encode()), sync=False)


def chunk_files(run: Path, key: str | None = None) -> dict[int, Path]:
    """Return the parts that are there and whole, by the number of their first photo, in order.

    With a key only those that this run wrote just so: whatever else lies there is told in the log, and removed.
    """
    files = ((_CHUNK_NAME.fullmatch(path.name), path) for path in sorted((run / CHUNKS_FOLDER).glob("part-*.parquet")))
    return {int(match[1]): path for match, path in files if match and _is_whole(path) and _is_sealed(path, key)}


def _seal(path: Path, key: str) -> str:
    """What binds a file's content to its place in one run."""
    return hashlib.sha256(f"{key}\n{path.name}\n{file_io.file_sha256(path)}".encode()).hexdigest()


def _is_sealed(path: Path, key: str | None) -> bool:
    with suppress(OSError, ValueError):
        if key is None or path.with_suffix(SEAL_SUFFIX).read_text(encoding="ascii") == _seal(path, key):
            return True
    logger.warning("%s is damaged or of another run: its photos are measured again.", path)
    with suppress(OSError):
        path.unlink()
    return False


def read_tables(paths: Iterable[Path], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield one part after the other."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            yield file.read(columns=None if columns is None else list(columns), use_threads=False)  # small: quicker


def remove_chunks(run: Path) -> None:
    """Remove the parts, and what writers that were killed left among them."""
    shutil.rmtree(run / CHUNKS_FOLDER, ignore_errors=True)


def _is_whole(path: Path) -> bool:
    """Tell whether a file ends as Parquet files do; one that a power cut cut off does not, and a pipe is no file."""
    try:
        with file_io.open_regular(path) as file:
            file.seek(-min(len(_PARQUET_END), path.stat().st_size), os.SEEK_END)
            return file.read() == _PARQUET_END
    except OSError:
        return False


def _write_tables(file: BinaryIO, tables: Iterable[pa.Table]) -> None:
    with pq.ParquetWriter(file, RESULTS_SCHEMA) as writer:
        for table in tables:
            writer.write_table(table)


def _grouped_tables(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Bring some ten thousand rows at a time into one table."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= ROWS_PER_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


# Merging the parts into one table gives `maxbox` its values: its threshold is one for all photos.

MAXBOX_OVERLAPS: Final = {Metric.MAXBOX: (0.5,), Metric.MAXBOX_V2: V2_OVERLAPS}
MaxBoxKey = tuple[str, str, Metric]  # model, method, metric


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a model's maps by a method are cut, as fractions of each map's range: one for each overlap asked for."""

    model: str
    method: str
    metric: Metric
    overlaps: tuple[float, ...]
    thresholds: tuple[float, ...]
    accuracy: float  # the mean of the rows' values


def merge_chunks(run: Path, sealed_by: str | None = None) -> tuple[Thresholds, ...]:
    """Bring the parts together into `results.parquet`; memory does not grow with their number.

    A `maxbox` row gets 1 where the box fits at the threshold that is best for its model and method over all photos,
    else 0, so that their mean is MaxBoxAcc; a `maxboxv2` row gets the mean over its three overlaps.
    """
    paths = list(chunk_files(run, sealed_by).values())
    counts: dict[MaxBoxKey, Doubles] = {}
    photos: dict[MaxBoxKey, int] = defaultdict(int)
    for table in read_tables(paths, ("model", "method", "metric", "curve")):
        for key, _kind, curves in _box_rows(table):
            counts[key] = counts.get(key, 0) + _box_fits(curves, MAXBOX_OVERLAPS[key[2]]).sum(axis=1)
            photos[key] += len(curves)
    best = {key: count.argmax(axis=1) for key, count in counts.items()}
    tables = _grouped_tables(_with_values(table, best) for table in read_tables(paths))
    file_io.write_atomically(run / RESULTS_FILE, lambda file: _write_tables(file, tables))
    cuts = {key: tuple(THRESHOLDS[places].tolist()) for key, places in best.items()}
    means = {key: float(np.mean(count.max(axis=1) / photos[key])) for key, count in counts.items()}
    return tuple(Thresholds(*key, MAXBOX_OVERLAPS[key[2]], cuts[key], means[key]) for key in sorted(counts))


def _with_values(table: pa.Table, best: Mapping[MaxBoxKey, npt.NDArray[np.intp]]) -> pa.Table:
    values = table["value"].to_numpy().copy()
    missing = np.isnan(values)
    for key, places, curves in _box_rows(table):
        fits = _box_fits(curves, MAXBOX_OVERLAPS[key[2]])  # (overlaps, N, T)
        values[places] = np.mean([fit[:, index] for fit, index in zip(fits, best[key], strict=True)], axis=0)
        missing[places] = False
    column = pa.array(values, pa.float64(), mask=missing)
    return table.set_column(table.schema.get_field_index("value"), RESULTS_SCHEMA.field("value"), column)


def _box_rows(table: pa.Table) -> Iterator[tuple[MaxBoxKey, npt.NDArray[np.intp], Floats]]:
    """Yield for each model, method and box metric of a table the rows' numbers and their overlaps, (N, T)."""
    groups: dict[MaxBoxKey, list[int]] = defaultdict(list)
    columns = (table[name].to_pylist() for name in ("model", "method", "metric"))
    for number, (model, method, metric) in enumerate(zip(*columns, strict=True)):
        if metric in (Metric.MAXBOX, Metric.MAXBOX_V2):
            groups[model, method, Metric(metric)].append(number)
    curves = table["curve"].combine_chunks()
    for key, numbers in groups.items():
        flat = curves.take(pa.array(numbers)).flatten().to_numpy()
        yield key, np.array(numbers), flat.reshape(len(numbers), -1)


def _box_fits(curves: Floats, overlaps: tuple[float, ...]) -> Doubles:
    """(N, T) -> (overlaps, N, T), 1 where a box overlaps enough; in 32 bits, in which 0.7 is not less than 0.7."""
    return np.array([curves >= overlap for overlap in overlaps], dtype=np.float64)


# The manifest says what decided a run's rows, so that it can go on, be repeated, and be believed.

MANIFEST_FILE: Final = "run.json"
RUN_FORMAT: Final = 2  # of a run's folder
OLD_RUN_FORMAT: Final = 1  # without controls inside the crop: its results are read, but it cannot go on
MAX_MANIFEST_BYTES: Final = 2**24


@dataclass(frozen=True, slots=True)
class MeasuredModel:
    """A model of a run."""

    label: str
    weights_sha256: str
    engine: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A run's folder and what its `run.json` holds."""

    folder: Path
    settings: RunSettings
    dataset: str  # its path
    fingerprint: str
    photos: int  # that are measured
    photos_a_part: int
    networks: tuple[MeasuredModel, ...]
    versions: Mapping[str, str]  # of what it was begun with
    sittings: tuple[Mapping[str, str], ...] = ()  # versions of each time it went on
    finished: bool = False
    seconds: float = 0.0  # over all sittings
    thresholds: tuple[Thresholds, ...] = ()
    results_sha256: str = ""  # of results.parquet; runs of before have none
    format: int = RUN_FORMAT

    @property
    def key(self) -> str:
        """All that decides the rows, as text."""
        networks = [asdict(network) for network in self.networks]
        rows = (self.settings.as_dict(), self.fingerprint, self.photos_a_part, networks)
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
            "thresholds": [asdict(entry) for entry in self.thresholds],
            "results_sha256": self.results_sha256,
        }


def open_run(out: Path, wanted: Manifest) -> Manifest:
    """Make a run's folder, or go on with the run that is in it, which then says with what versions.

    Raises:
        SettingsError: it holds another run, or another engine measured so far.
    """
    manifest = find_run(out, wanted)
    if manifest is None:
        out.mkdir(parents=True, exist_ok=True)
        return save_manifest(dataclasses.replace(wanted, folder=out))
    if manifest.finished:
        return manifest
    if manifest.results_sha256:
        logger.warning("%s is damaged or of another run: all photos are measured again.", out / RESULTS_FILE)
        manifest = dataclasses.replace(manifest, results_sha256="", thresholds=())
    before = (manifest.versions, *manifest.sittings)[-1]
    if changed := [
        f"{name} {before.get(name)}, now {version}"
        for name, version in wanted.versions.items()
        if before.get(name) != version
    ]:
        logger.warning("%s goes on with other versions, and numbers may differ a little: %s", out, "; ".join(changed))
    return save_manifest(manifest, sittings=(*manifest.sittings, wanted.versions))


def find_run(out: Path, wanted: Manifest) -> Manifest | None:
    """Return the run that a folder holds, if it is the one that is asked for.

    One whose results are not those that it wrote is not finished.

    Raises:
        SettingsError: it is another one, or it would go on with another engine.
    """
    if not (out / MANIFEST_FILE).exists():
        return None
    manifest = read_manifest(out)
    theirs, ours = _identity(manifest), _identity(wanted)
    for name in (name for name in ours if theirs.get(name) != ours[name]):
        text = _(
            "{out} holds a run with {name} {theirs}, and now {name} {ours} is asked for: only the same run goes on "
            "there. Give the old settings, or choose another folder with --out."
        )
        raise SettingsError(text.format(out=out, name=name, theirs=theirs.get(name), ours=ours[name]))
    if manifest.finished and not has_own_results(manifest):
        manifest = dataclasses.replace(manifest, finished=False)
    if not manifest.finished:
        if manifest.format != RUN_FORMAT:
            text = _(
                "{out} holds a run that an earlier version began and did not finish: this version measures other "
                "controls, and only a run of one version goes on. Choose another folder with --out."
            )
            raise SettingsError(text.format(out=out))
        _check_engines(out, manifest, wanted)
    return dataclasses.replace(manifest, dataset=wanted.dataset)


def read_manifest(run: Path) -> Manifest:
    """Read a run's `run.json`.

    Raises:
        SettingsError: there is none, or it is not one that this version wrote.
    """
    try:
        content = file_io.parse_json(file_io.read_regular(run / MANIFEST_FILE, MAX_MANIFEST_BYTES))
        if content["format"] not in (OLD_RUN_FORMAT, RUN_FORMAT):
            raise ValueError(f"format {content['format']}")
        return _parse_manifest(run, content)
    except (OSError, ValueError, KeyError, TypeError, SettingsError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        text = _(
            "{run} is not the folder of a run ({error}): it must hold a {file} of this version. Make one with "
            "`effviz evaluate`."
        )
        raise SettingsError(text.format(run=run, error=reason, file=MANIFEST_FILE)) from error


def has_own_results(run: Manifest) -> bool:
    """Tell whether a finished run's table is the one that it wrote; of runs of before only that it can be read."""
    try:
        digest = file_io.file_sha256(run.folder / RESULTS_FILE)
    except OSError:
        return False
    return not run.results_sha256 or digest == run.results_sha256


def save_manifest(run: Manifest, **changes: Any) -> Manifest:
    """Write `run.json`, whole or not at all."""
    changed = dataclasses.replace(run, **changes)
    text = json.dumps(changed.as_dict(), indent=1, ensure_ascii=False) + "\n"
    file_io.write_text_atomically(run.folder / MANIFEST_FILE, text)
    return changed


def _identity(run: Manifest) -> dict[str, object]:
    weights = {f"weights of {network.label}": network.weights_sha256 for network in run.networks}
    return run.settings.as_dict() | {"data of fingerprint": run.fingerprint} | weights


def _check_engines(out: Path, manifest: Manifest, wanted: Manifest) -> None:
    for theirs, ours in zip(manifest.networks, wanted.networks, strict=True):
        if theirs.engine != ours.engine:
            text = _(
                "{out} holds a run of {model} on the engine {theirs}, and this process has {ours}: a run has one "
                "engine, since their numbers agree only to a thousandth. Set EFFVIZ_ENGINE={theirs}, or choose "
                "another folder with --out."
            )
            raise SettingsError(text.format(out=out, model=ours.label, theirs=theirs.engine, ours=ours.engine))


def _parse_manifest(run: Path, content: Mapping[str, Any]) -> Manifest:
    return Manifest(
        folder=run,
        settings=RunSettings.from_dict(content["settings"]),
        dataset=content["dataset"]["path"],
        fingerprint=content["dataset"]["fingerprint"],
        photos=content["dataset"]["photos"],
        photos_a_part=content["photos_a_part"],
        networks=tuple(schema.parse(MeasuredModel, network, "models") for network in content["models"]),
        versions=content["versions"],
        sittings=tuple(content.get("sittings", ())),  # runs of before had none
        finished=content["finished"],
        seconds=content["seconds"],
        thresholds=tuple(_parse_thresholds(entry) for entry in content["thresholds"]),
        results_sha256=content.get("results_sha256", ""),
        format=content["format"],
    )


def _parse_thresholds(entry: Mapping[str, Any]) -> Thresholds:
    cuts = {name: tuple(entry[name]) for name in ("overlaps", "thresholds")}
    return Thresholds(entry["model"], entry["method"], Metric(entry["metric"]), **cuts, accuracy=entry["accuracy"])


# One process at a time measures into a run's folder; what a killed one held is free again, whatever killed it.

LOCK_FILE: Final = ".lock"  # stays there: who took it away could take it from the next one, too
_NO_LOCKS: Final = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})  # of some shared disks


@contextmanager
def lock_run(run: Path) -> Iterator[None]:
    """Keep others away from a folder, which is made if it is not there.

    Raises:
        SettingsError: another process has it.
        OSError: nothing can be written into it.
    """
    from filelock import FileLock, Timeout  # here: pages only read runs

    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / LOCK_FILE, timeout=0, preserve_lock_file=True)
    try:
        lock.acquire()
    except Timeout as error:
        text = _(
            "Another process is measuring into {run}: only one may at a time. Wait until it ends, or choose "
            "another folder with --out."
        )
        raise SettingsError(text.format(run=run)) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        logger.warning("Nobody else may measure into %s meanwhile, which cannot be checked there: %s", run, error)
    try:
        yield
    finally:
        lock.release()
