"""Table 1 of the paper: EfficientNet-B0, as printed."""

from dataclasses import dataclass
from functools import cache

from effviz.facts.paper import PaperVersion
from effviz.facts.tables import rows


@dataclass(frozen=True, slots=True)
class PaperStage:
    """A row of Table 1."""

    stage: int
    operator: str  # "MBConv6, k3x3"
    resolution_px: int  # of the stage's input
    channels: int
    layers: int
    source: str


@cache
def paper_stages(version: PaperVersion = PaperVersion.V5) -> tuple[PaperStage, ...]:
    """The nine stages; the first printing (v1 and ICML, not v2) has a wrong resolution in stage 6."""
    first = version is PaperVersion.V1
    column = "input_resolution_printed_in_icml_v1" if first else "input_resolution"
    return tuple(
        PaperStage(
            stage=int(row["stage"]),
            operator=f"{row['operator']}, k{row['kernel']}x{row['kernel']}"
            if "MB" in row["operator"]
            else row["operator"],
            resolution_px=int(row[column]),
            channels=int(row["output_channels"]),
            layers=int(row["layers"]),
            source=row["source"],
        )
        for row in rows("table1_b0")
    )
