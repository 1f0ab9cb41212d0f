"""Commands that time EffViz beside a peer: one function a bench, which `effviz.bench` measures."""

from typing import Annotated

import typer

from effviz.cli import output

app = typer.Typer(no_args_is_help=True, help="Time EffViz beside a peer in the same run and print the ratio.")


@app.command("scaling")
def scaling(
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="Timed runs of each side; the median counts.")] = 9,
) -> None:
    """Time the closed-form plan of B0 and B7 beside torch's FlopCounterMode on meta tensors."""
    from effviz.bench.scaling import bench

    with output.progress() as bar:
        bar.add_task("B0 and B7", total=None)
        rows = bench(repeats)
    columns = ("Network", "EffViz, ms", "FlopCounterMode, ms", "Ratio", "Target")
    shown = [
        (row.name, f"{row.ours_ms:.3f}", f"{row.peer_ms:.1f}", f"{row.ratio:.0f}x", f"{row.target}: {_met(row.met)}")
        for row in rows
    ]
    output.show_table("Parameters, MACs and every layer of a network", columns, shown)


def _met(met: bool) -> str:
    return "met" if met else "missed"
