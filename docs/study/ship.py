"""Copy a finished run into EffViz: `python docs/study/ship.py RUN docs/study/NAME`.

The copy is a regular run, without the local path of the data set and without curves that no table needs; its tables
are those of `effviz report`.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from effviz import file_io
from effviz.evaluate import run_store, run_summary
from effviz.evaluate.run_settings import Metric
from effviz.evaluate.run_store import RESULTS_FILE, RESULTS_SCHEMA
from effviz.report import html_report

FINEST = 1000  # overlaps are rounded down to thousandths, which keeps those that reach 0.5


def ship(run: Path, to: Path) -> None:
    """Write run.json, the measurements and their tables."""
    known = run_summary.load_results(run).run
    to.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        _slim(pq.read_table(run / RESULTS_FILE)), to / RESULTS_FILE, compression="zstd", compression_level=19
    )
    sealed = {"results_sha256": file_io.file_sha256(to / RESULTS_FILE)}
    run_store.save_manifest(dataclasses.replace(known, folder=to, dataset=to.name), **sealed)
    write_tables(to)


def write_tables(shipped: Path) -> None:
    """Write the tables of `effviz report` into the run's folder."""
    copied = run_summary.load_results(shipped)
    for name, text in html_report.table_files(copied, run_summary.metric_means(copied)).items():
        (shipped / name).write_text(text, encoding="utf-8")


def _slim(table: pa.Table) -> pa.Table:
    boxes = _of(table, Metric.MAXBOX)
    table = pa.concat_tables([_rounded(table.filter(boxes)), table.filter(pc.invert(boxes))])
    none = pa.scalar(None, RESULTS_SCHEMA.field("curve").type)
    curves = pc.if_else(_of(table, Metric.MAXBOX_V2), none, table["curve"].combine_chunks())
    return table.set_column(RESULTS_SCHEMA.get_field_index("curve"), RESULTS_SCHEMA.field("curve"), curves)


def _of(table: pa.Table, metric: Metric) -> pa.Array:
    return pc.fill_null(pc.equal(table["metric"], metric.value), False).combine_chunks()


def _rounded(boxes: pa.Table) -> pa.Table:
    curves = boxes["curve"].combine_chunks()
    values = np.floor(curves.flatten().to_numpy().astype(np.float64) * FINEST) / FINEST
    lists = pa.ListArray.from_arrays(curves.offsets, pa.array(values.astype(np.float32)))
    return boxes.set_column(RESULTS_SCHEMA.get_field_index("curve"), RESULTS_SCHEMA.field("curve"), lists)


if __name__ == "__main__":
    ship(*map(Path, sys.argv[1:]))
