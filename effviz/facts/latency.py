"""Table 4 of the paper: how long a network takes for one picture on one core of a server's processor."""

from dataclasses import dataclass
from functools import cache

from effviz.facts.tables import rows


@dataclass(frozen=True, slots=True)
class PaperLatency:
    """A row of Table 4, as printed in every version of the paper.

    The table was never updated when the accuracies of Table 2 were, so `top1_pct` is not what v5 prints elsewhere.
    """

    pair: int  # 1 or 2: the table sets two networks of like accuracy side by side
    model: str  # as printed, "EfficientNet-B1"
    name: str  # "b1"; "" for other networks
    top1_pct: float  # printed in Table 4
    top1_pct_table2: float  # of the same network in Table 2 of v5
    latency_s: float
    speedup_printed: float | None  # against the other network of the pair; None where the table prints none
    conditions: str
    note: str
    source: str


@cache
def paper_latencies() -> tuple[PaperLatency, ...]:
    """The four networks of Table 4, in its order."""
    return tuple(
        PaperLatency(
            pair=int(row["pair"]),
            model=row["model"],
            name=row["model"].removeprefix("EfficientNet-").lower() if "EfficientNet" in row["model"] else "",
            top1_pct=float(row["top1_pct_as_printed_in_table4"]),
            top1_pct_table2=float(row["top1_pct_in_table2_v5"]),
            latency_s=float(row["latency_seconds"]),
            speedup_printed=_speedup(row["speedup_printed"]),
            conditions=row["conditions"],
            note=row["note"],
            source=row["source"],
        )
        for row in rows("table4_latency")
    )


def paper_speedup(pair: int) -> float:
    """By how much the EfficientNet of a pair is faster, divided anew from the printed seconds."""
    slow, fast = sorted((of.latency_s for of in paper_latencies() if of.pair == pair), reverse=True)
    return slow / fast


def _speedup(printed: str) -> float | None:
    return float(printed.removesuffix("x")) if printed else None
