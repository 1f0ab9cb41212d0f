"""The rows of a run on disk: in parts while it lasts, each whole or not there at all, and in one table afterwards.

One row for each photo, model, method and metric. A row without a value says in `error` why: for a photo that cannot be
used at all it is the only one, without model, method and metric.
"""

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from effviz import files
from effviz.evaluate.samples import printable
from effviz.explain.results import Floats

PARTS: Final = "parts"
RESULTS: Final = "results.parquet"
ROWS_A_GROUP: Final = 1 << 16  # held in memory while parts are brought together

SEAL: Final = ".seal"

_log = logging.getLogger(__name__)
_END: Final = b"PAR1"
_NAME: Final = re.compile(r"part-(\d{9})\.parquet")


@dataclass(frozen=True, slots=True, eq=False)
class Row:
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


SCHEMA: Final = pa.schema(
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


def table(rows: Sequence[Row]) -> pa.Table:
    """Rows as a table."""
    columns = {field.name: [_written(getattr(row, field.name)) for row in rows] for field in fields(Row)}
    return pa.table({name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()}, SCHEMA)


def _written(value: object) -> object:
    return printable(value) if isinstance(value, str) and not value.isascii() else value


def write_part(run: Path, start: int, rows: Sequence[Row], key: str = "") -> None:
    """Write the rows of the photos from number `start` on, in place of any that were there, and their seal.

    `key` is all that decides the run's rows.
    """
    folder = run / PARTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"part-{start:09d}.parquet"
    path.with_suffix(SEAL).unlink(missing_ok=True)  # until the new rows are there the part is none
    files.replace(path, lambda file: _write(file, [table(rows)]), sync=False)
    files.replace(path.with_suffix(SEAL), lambda file: file.write(_seal(path, key).encode()), sync=False)


def parts(run: Path, key: str | None = None) -> dict[int, Path]:
    """Return the parts that are there and whole, by the number of their first photo, in order.

    With a key only those that this run wrote just so: whatever else lies there is told in the log, and removed.
    """
    found = ((_NAME.fullmatch(path.name), path) for path in sorted((run / PARTS).glob("part-*.parquet")))
    return {int(match[1]): path for match, path in found if match and _whole(path) and _is_sealed(path, key)}


def sha256(path: Path) -> str:
    """Return a file's hash."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(path: Path, key: str) -> str:
    """What binds a file's content to its place in one run."""
    return hashlib.sha256(f"{key}\n{path.name}\n{sha256(path)}".encode()).hexdigest()


def _is_sealed(path: Path, key: str | None) -> bool:
    if key is None:
        return True
    try:
        if path.with_suffix(SEAL).read_text(encoding="ascii") == _seal(path, key):
            return True
    except (OSError, ValueError):
        pass
    _log.warning("%s is damaged or of another run: its photos are measured again.", path)
    with suppress(OSError):
        path.unlink()
    return False


def read(paths: Iterable[Path], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield one part after the other."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            yield file.read(columns=None if columns is None else list(columns), use_threads=False)  # small: quicker


def write_results(run: Path, tables: Iterable[pa.Table]) -> None:
    """Write one table of all, some ten thousand rows at a time."""
    files.replace(run / RESULTS, lambda file: _write(file, _gathered(tables)))


def drop_parts(run: Path) -> None:
    """Remove the parts, and what writers that were killed left among them."""
    shutil.rmtree(run / PARTS, ignore_errors=True)


def _whole(path: Path) -> bool:
    """Tell whether a file ends as Parquet files do; one that a power cut cut off does not."""
    with path.open("rb") as file:
        file.seek(-min(len(_END), path.stat().st_size), os.SEEK_END)
        return file.read() == _END


def _write(file: BinaryIO, tables: Iterable[pa.Table]) -> None:
    with pq.ParquetWriter(file, SCHEMA) as writer:
        for each in tables:
            writer.write_table(each)


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    for each in tables:
        waiting.append(each)
        if sum(one.num_rows for one in waiting) >= ROWS_A_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
