"""What a training has to say for itself: a row an epoch, as CSV and as JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from effviz import files


@dataclass(frozen=True, slots=True)
class Epoch:
    """How far the training was after an epoch."""

    epoch: int  # from 1
    step: int  # batches so far
    rate: float  # learning rate of the last batch
    loss: float  # mean over the epoch's batches, with label smoothing and mixup
    top1_pct: float | None  # on val/; None where it was not measured
    seconds: float  # since the start, over all sittings


def write(folder: Path, epochs: Sequence[Epoch]) -> None:
    """Write `log.csv` and `log.json`, each whole or not at all."""
    rows = [asdict(epoch) for epoch in epochs]
    replace(folder / "log.json", json.dumps(rows, indent=1) + "\n")
    replace(folder / "log.csv", table([of.name for of in fields(Epoch)], rows))


def table(columns: Sequence[str], rows: Sequence[dict[str, object]]) -> str:
    """Rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def rows(path: Path) -> list[dict[str, str]]:
    """Read what `table` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def replace(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        SettingsError: it cannot be written.
    """
    with files.writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace_text(path, text)
