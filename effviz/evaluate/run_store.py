"""A run's folder on disk: its rows, its manifest `run.json`, and the lock of the measuring process.

There is one row for each photo, model, method and metric. A row without a value has the reason in `error`; a photo
that cannot be used at all has only one row, without model, method and metric.
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
ROWS_PER_GROUP: Final = 1 << 16  # held in memory while chunks are merged
SEAL_SUFFIX: Final = ".seal"
logger = logging.getLogger(__name__)
_PARQUET_END: Final = b"PAR1"
_CHUNK_NAME: Final = re.compile(r"part-(\d{9})\.parquet")


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """One row of the results."""

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
    prediction: int | None = None  # the model's first guess
    probability: float | None = None  # of the target
    box_share: float | None = None  # share of the photo that the object covers
    off_centre: bool | None = None  # the object is small and off-centre
    curve: Floats | None = None  # the numbers from which the value is computed, one per step; see docs/metrics.md


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
    """Return rows as a table."""
    columns = {name: map(attrgetter(name), rows) for name in RESULTS_SCHEMA.names}
    texts = {name: [printable(v) if isinstance(v, str) else v for v in values] for name, values in columns.items()}
    return pa.table(texts, RESULTS_SCHEMA)


def write_chunk(run: Path, start: int, rows: Sequence[Measurement], key: str = "") -> None:
    """Write or replace the chunk of photos from number `start` on, sealed with the run's key."""
    folder = run / CHUNKS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"part-{start:09d}.parquet"
    seal = path.with_suffix(SEAL_SUFFIX)
    seal.unlink(missing_ok=True)  # the chunk is invalid until the new seal is written
    file_io.write_atomically(path, lambda file: _write_tables(file, [to_table(rows)]), sync=False)
    file_io.write_atomically(seal, lambda file: file.write(_seal(path, key).encode()), sync=False)


def chunk_files(run: Path, key: str | None = None) -> dict[int, Path]:
    """Return the complete chunks by the number of their first photo, in order.

    With a key, return only unchanged chunks of this run; log and remove all others.
    """
    files = ((_CHUNK_NAME.fullmatch(path.name), path) for path in sorted((run / CHUNKS_FOLDER).glob("part-*.parquet")))
    return {int(match[1]): path for match, path in files if match and _is_whole(path) and _is_sealed(path, key)}


def _seal(path: Path, key: str) -> str:
    """Return a hash that binds a file's content to its name and run."""
    return hashlib.sha256(f"{key}\n{path.name}\n{file_io.file_sha256(path)}".encode()).hexdigest()


def _is_sealed(path: Path, key: str | None) -> bool:
    with suppress(OSError, ValueError):
        if key is None or path.with_suffix(SEAL_SUFFIX).read_text(encoding="ascii") == _seal(path, key):
            return True
    logger.warning("%s is damaged or from another run: its photos are measured again.", path)
    with suppress(OSError):
        path.unlink()
    return False


def read_tables(paths: Iterable[Path], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield one chunk after the other."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            yield file.read(columns=None if columns is None else list(columns), use_threads=False)  # faster if small


def remove_chunks(run: Path) -> None:
    """Remove the chunks and the remains of killed writers."""
    shutil.rmtree(run / CHUNKS_FOLDER, ignore_errors=True)


def _is_whole(path: Path) -> bool:
    """Return whether a regular file ends as Parquet files do; one truncated by a power cut does not."""
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
    """Merge tables into tables of about `ROWS_PER_GROUP` rows."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= ROWS_PER_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


# Merging the chunks into one table gives `maxbox` its values, because its threshold is the same for all photos.

MAXBOX_OVERLAPS: Final = {Metric.MAXBOX: (0.5,), Metric.MAXBOX_V2: V2_OVERLAPS}
MaxBoxKey = tuple[str, str, Metric]  # model, method, metric


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of a model's maps by a method, as fractions of each map's range: one for each overlap."""

    model: str
    method: str
    metric: Metric
    overlaps: tuple[float, ...]
    thresholds: tuple[float, ...]
    accuracy: float  # the mean of the rows' values


def merge_chunks(run: Path, sealed_by: str | None = None) -> tuple[Thresholds, ...]:
    """Merge the chunks into `results.parquet`; memory does not grow with their number.

    A `maxbox` row gets 1 if the box matches at the threshold that is best for its model and method over all photos,
    else 0, so their mean is MaxBoxAcc. A `maxboxv2` row gets the mean over its three overlaps.
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
    """Yield, for each model, method and box metric of a table, the row numbers and their overlaps, (N, T)."""
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
    """Return 1 where a box overlaps enough, (N, T) -> (overlaps, N, T); compared in 32 bits, as 0.7 is stored."""
    return np.array([curves >= overlap for overlap in overlaps], dtype=np.float64)


# The manifest records what determined a run's rows, so that it can be resumed, reproduced and trusted.

MANIFEST_FILE: Final = "run.json"
RUN_FORMAT: Final = 2  # of a run's folder
OLD_RUN_FORMAT: Final = 1  # without controls inside the crop: its results can be read, but it cannot be resumed
MAX_MANIFEST_BYTES: Final = 2**24


@dataclass(frozen=True, slots=True)
class MeasuredModel:
    """A model as used in a run."""

    label: str
    weights_sha256: str
    engine: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A run's folder and the content of its `run.json`."""

    folder: Path
    settings: RunSettings
    dataset: str  # its path
    fingerprint: str
    photos: int  # number of photos to measure
    photos_a_part: int
    networks: tuple[MeasuredModel, ...]
    versions: Mapping[str, str]  # of the packages when the run was started
    sittings: tuple[Mapping[str, str], ...] = ()  # the versions each time the run was resumed
    finished: bool = False
    seconds: float = 0.0  # in total, with every resumption
    thresholds: tuple[Thresholds, ...] = ()
    results_sha256: str = ""  # of results.parquet; missing in older runs
    format: int = RUN_FORMAT

    @property
    def key(self) -> str:
        """Everything that determines the rows, as text."""
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
    """Create a run's folder, or resume the run in it and record the versions.

    Raises:
        SettingsError: the folder contains another run, or a run with another engine.
    """
    manifest = find_run(out, wanted)
    if manifest is None:
        out.mkdir(parents=True, exist_ok=True)
        return save_manifest(dataclasses.replace(wanted, folder=out))
    if manifest.finished:
        return manifest
    if manifest.results_sha256:
        logger.warning("%s is damaged or from another run: all photos are measured again.", out / RESULTS_FILE)
        manifest = dataclasses.replace(manifest, results_sha256="", thresholds=())
    before = (manifest.versions, *manifest.sittings)[-1]
    if changed := [
        f"{name} {before.get(name)}, now {version}"
        for name, version in wanted.versions.items()
        if before.get(name) != version
    ]:
        logger.warning("%s resumes with other versions, so numbers may differ slightly: %s", out, "; ".join(changed))
    return save_manifest(manifest, sittings=(*manifest.sittings, wanted.versions))


def find_run(out: Path, wanted: Manifest) -> Manifest | None:
    """Return the run in a folder, or None if there is none.

    A run whose results file is missing or was changed counts as unfinished.

    Raises:
        SettingsError: it is not the wanted run, or would be resumed with another version or engine.
    """
    if not (out / MANIFEST_FILE).exists():
        return None
    manifest = read_manifest(out)
    theirs, ours = _identity(manifest), _identity(wanted)
    for name in (name for name in ours if theirs.get(name) != ours[name]):
        text = _(
            "{out} contains a run with {name} {theirs}, but you asked for {name} {ours}: a run can be resumed only "
            "with the same settings. Use the old settings, or choose another folder with --out."
        )
        raise SettingsError(text.format(out=out, name=name, theirs=theirs.get(name), ours=ours[name]))
    if manifest.finished and not has_own_results(manifest):
        manifest = dataclasses.replace(manifest, finished=False)
    if not manifest.finished:
        if manifest.format != RUN_FORMAT:
            text = _(
                "{out} contains an unfinished run of an earlier version, which this version cannot resume because it "
                "measures other controls. Choose another folder with --out."
            )
            raise SettingsError(text.format(out=out))
        _check_engines(out, manifest, wanted)
    return dataclasses.replace(manifest, dataset=wanted.dataset)


def read_manifest(run: Path) -> Manifest:
    """Read a run's `run.json`.

    Raises:
        SettingsError: the file is missing, or is not in a format that this version reads.
    """
    try:
        content = file_io.parse_json(file_io.read_regular(run / MANIFEST_FILE, MAX_MANIFEST_BYTES))
        if content["format"] not in (OLD_RUN_FORMAT, RUN_FORMAT):
            raise ValueError(f"format {content['format']}")
        return _parse_manifest(run, content)
    except (OSError, ValueError, KeyError, TypeError, SettingsError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        text = _(
            "{run} is not a run folder ({error}): it must contain a {file} of this version. Create one with `effviz "
            "evaluate`."
        )
        raise SettingsError(text.format(run=run, error=reason, file=MANIFEST_FILE)) from error


def has_own_results(run: Manifest) -> bool:
    """Return whether a finished run's table is unchanged; for older runs without a hash, whether it is readable."""
    try:
        digest = file_io.file_sha256(run.folder / RESULTS_FILE)
    except OSError:
        return False
    return not run.results_sha256 or digest == run.results_sha256


def save_manifest(run: Manifest, **changes: Any) -> Manifest:
    """Write `run.json` atomically."""
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
                "{out} contains a run of {model} on the engine {theirs}, but this process uses {ours}: a run must use "
                "one engine, because numbers of two engines agree only to a thousandth. Set EFFVIZ_ENGINE={theirs}, or "
                "choose another folder with --out."
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
        sittings=tuple(content.get("sittings", ())),  # missing in older runs
        finished=content["finished"],
        seconds=content["seconds"],
        thresholds=tuple(_parse_thresholds(entry) for entry in content["thresholds"]),
        results_sha256=content.get("results_sha256", ""),
        format=content["format"],
    )


def _parse_thresholds(entry: Mapping[str, Any]) -> Thresholds:
    cuts = {name: tuple(entry[name]) for name in ("overlaps", "thresholds")}
    return Thresholds(entry["model"], entry["method"], Metric(entry["metric"]), **cuts, accuracy=entry["accuracy"])


# Only one process at a time measures into a run's folder. The system releases the lock of a killed process.

LOCK_FILE: Final = ".lock"  # never deleted, because another process may already hold it
_NO_LOCKS: Final = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})  # raised by some network file systems


@contextmanager
def lock_run(run: Path) -> Iterator[None]:
    """Lock a run's folder against other processes, creating it if needed.

    Raises:
        SettingsError: another process holds the lock.
        OSError: the folder is not writable.
    """
    from filelock import FileLock, Timeout  # lazy: pages only read runs

    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / LOCK_FILE, timeout=0, preserve_lock_file=True)
    try:
        lock.acquire()
    except Timeout as error:
        text = _(
            "Another process is measuring into {run}, and only one may do so at a time. Wait until it finishes, or "
            "choose another folder with --out."
        )
        raise SettingsError(text.format(run=run)) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        logger.warning("%s cannot be locked (%s): let no other process measure into it meanwhile.", run, error)
    try:
        yield
    finally:
        lock.release()
