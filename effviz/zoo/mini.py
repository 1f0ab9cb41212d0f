"""The mini family: one baseline and four scalings of it, trained by this project with one recipe (`models/mini/`)."""

import csv
from dataclasses import dataclass

from effviz.scaling import plan
from effviz.zoo import manifest
from effviz.zoo.accuracy import interval_pct
from effviz.zoo.manifest import Entry
from effviz.zoo.presets import MINI, Role


@dataclass(frozen=True, slots=True)
class Epoch:
    """How good a network was after an epoch of its training."""

    epoch: int  # from 1
    top1_pct: float  # on the pictures that it was not trained on
    loss: float  # mean over the training pictures, with label smoothing


@dataclass(frozen=True, slots=True)
class MiniNetwork:
    """One of the five."""

    role: Role  # which dimension it scales
    entry: Entry
    macs: int
    top1_pct: float  # measured once, after the last epoch
    interval_pct: tuple[float, float]  # 95 %, of the validation pictures alone: other seeds would differ by more
    epochs: tuple[Epoch, ...]


def family() -> tuple[MiniNetwork, ...]:
    """Return those that are in `models/` with a measured accuracy: baseline, depth, width, resolution, compound.

    Raises:
        WeightsError: the manifest cannot be read.
    """
    entries = {entry.name: entry for entry in manifest.entries()}
    found = [(role, entries[MINI + role.value]) for role in Role if MINI + role.value in entries]
    return tuple(
        _network(role, entry, entry.top1_pct, entry.top1_pictures)
        for role, entry in found
        if entry.top1_pct is not None and entry.top1_pictures is not None
    )


def _network(role: Role, entry: Entry, top1_pct: float, pictures: int) -> MiniNetwork:
    return MiniNetwork(
        role=role,
        entry=entry,
        macs=plan(entry.depth, entry.width, entry.resolution_px, entry.family, len(entry.classes)).macs,
        top1_pct=top1_pct,
        interval_pct=interval_pct(round(top1_pct * pictures / 100), pictures),
        epochs=_epochs(role),
    )


def _epochs(role: Role) -> tuple[Epoch, ...]:
    """The log beside the weights, as `effviz train` wrote it."""
    log = manifest.folder() / "mini" / f"{role.value}.csv"
    if not log.exists():
        return ()
    with log.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["top1_pct"]]
    return tuple(Epoch(int(row["epoch"]), float(row["top1_pct"]), float(row["loss"])) for row in rows)
