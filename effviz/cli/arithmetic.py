"""Commands of the arithmetic: `scale`, `plan` and `solve`; they need the standard library alone."""

from typing import Annotated

import typer

from effviz import scaling
from effviz.cli import console
from effviz.scaling import Budget, BudgetKind, Family, Plan, ScalingMethod, ScalingRule

_FAMILY = typer.Option(help="EfficientNet, or Lite: no squeeze-and-excitation, stem and head fixed.")
_PAPER = "; the paper's is the default."


def scale(  # noqa: PLR0913  # one parameter an option, as Typer wants it
    phi: Annotated[
        float, typer.Option(help="How much to scale: 0 is B0, negative is smaller, each 1 about doubles the MACs.")
    ],
    alpha: Annotated[float, typer.Option(help="Depth grows by alpha^phi" + _PAPER)] = 1.2,
    beta: Annotated[float, typer.Option(help="Width grows by beta^phi" + _PAPER)] = 1.1,
    gamma: Annotated[float, typer.Option(help="Resolution grows by gamma^phi" + _PAPER)] = 1.15,
    family: Annotated[Family, _FAMILY] = Family.EFFICIENTNET,
    as_json: console.AsJson = False,
) -> None:
    """Scale B0 by the compound rule and show the network: depth, width, resolution, parameters, MACs, stages."""
    rule = ScalingRule(alpha, beta, gamma)
    at = rule.at(phi)
    network = scaling.plan(at.depth, at.width, at.resolution_px, family)
    title = f"phi {phi:g}, alpha*beta^2*gamma^2 = {rule.constraint:.3f}"
    console.show_json(network.as_dict()) if as_json else _show(network, title)


def plan(
    depth: Annotated[float, typer.Option(help="Times B0's blocks.")],
    width: Annotated[float, typer.Option(help="Times B0's channels.")],
    resolution: Annotated[int, typer.Option(help="Side of the square input in pixels; B0 has 224.")],
    family: Annotated[Family, _FAMILY] = Family.EFFICIENTNET,
    as_json: console.AsJson = False,
) -> None:
    """Show the network of any depth, width and resolution, stage by stage."""
    network = scaling.plan(depth, width, resolution, family)
    console.show_json(network.as_dict()) if as_json else _show(network, family.value)


def solve(  # noqa: PLR0913
    macs: Annotated[float | None, typer.Option(help="At most so many multiply-adds, such as 1e9.")] = None,
    params: Annotated[float | None, typer.Option(help="At most so many parameters, such as 8e6.")] = None,
    memory: Annotated[float | None, typer.Option(help="At most so many bytes of activations at their peak.")] = None,
    method: Annotated[ScalingMethod, typer.Option(help="Which dimensions grow.")] = ScalingMethod.COMPOUND,
    family: Annotated[Family, _FAMILY] = Family.EFFICIENTNET,
    as_json: console.AsJson = False,
) -> None:
    """Find the largest network within one budget: the paper's "maximise accuracy subject to memory and FLOPs"."""
    amounts = {BudgetKind.MACS: macs, BudgetKind.PARAMS: params, BudgetKind.ACTIVATION_MEMORY: memory}
    given = [Budget(kind, amount) for kind, amount in amounts.items() if amount is not None]
    if len(given) != 1:
        raise typer.BadParameter("Give exactly one of --macs, --params and --memory.")
    found = scaling.solve(given[0], method, family=family)
    if as_json:
        solution = {
            "method": method.value,
            "coefficient": found.coefficient,
            "budget": {"kind": given[0].kind.value, "amount": given[0].amount},
            "reached": found.reached,
            "miss": found.miss,
        }
        console.show_json(solution | found.plan.as_dict())
    else:
        name = "phi" if method is ScalingMethod.COMPOUND else method.value
        _show(found.plan, f"{name} = {found.coefficient:.4f}, {found.miss_pct:.1f} % of the budget is left")


def _show(network: Plan, title: str) -> None:
    rows = [
        (
            stage.operator,
            str(stage.layers),
            str(stage.stride),
            str(stage.channels),
            f"{stage.in_resolution}>{stage.out_resolution}",
            f"{stage.params / 1e6:.3f}",
            f"{stage.macs / 1e6:.1f}",
            f"{stage.activations / 1e6:.2f}",
        )
        for stage in network.stages
    ]
    columns = ("Operator", "Layers", "Stride", "Channels", "Pixels", "Params", "MACs", "Outputs")
    console.show_table(f"{title}; parameters, MACs and outputs in millions", columns, rows)
    typer.echo(
        f"depth {network.depth:.4g}, width {network.width:.4g}, {network.resolution} px: "
        f"{network.params:,} parameters, {network.macs:,} MACs (the paper's FLOPs), {network.activations:,} activations"
    )
