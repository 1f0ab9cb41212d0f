"""Commands about networks: `scale`, `plan` and `solve` by arithmetic, `models` and `fetch` for those with weights."""

from typing import TYPE_CHECKING, Annotated

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


# Commands about models: `models` lists them, `fetch` gets weights from the hub.

if TYPE_CHECKING:
    from effviz.zoo.catalogue import ModelCard


def models(as_json: console.AsJson = False) -> None:
    """List the models: size, cost, accuracy, and whether their weights are on this machine.

    Every model runs at other sizes too: lite0@260. Other weights are NAME:RECIPE, such as b0:ns_jft_in1k. Any scaled
    network works: scaled-d1.4-w1.2@300 (untrained unless models/ has a checkpoint that fits).
    """
    from effviz.zoo import catalogue, hub
    from effviz.zoo.catalogue import model_card

    for spec in catalogue.catalogue():
        hub.verify(spec)
    cards = [model_card(catalogue.at_resolution(spec, spec.resolution_px)) for spec in catalogue.catalogue()]
    if as_json:
        console.show_json([_facts(card) for card in cards])
        return
    columns = ("Model", "Depth", "Width", "Pixels", "Params, M", "MACs, G", "Top-1, %", "Weights")
    # A table for each data set: accuracies of ten classes and of a thousand do not belong in one column.
    for measured_on in dict.fromkeys(found.top1_on for found in cards):
        rows = [_row(found) for found in cards if found.top1_on == measured_on]
        console.show_table(f"Models, top-1 on {measured_on}", columns, rows)
    if any(not found.availability.available for found in cards):
        typer.echo("`effviz fetch MODEL` gets the weights of one to fetch, once, online.")


def fetch(
    names: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Such as b0 b1, or b0:ns_jft_in1k.")],
) -> None:
    """Get weights from the Hugging Face hub, once; afterwards they work without a network."""
    from effviz.zoo import download

    with console.progress(in_bytes=True) as bar:
        task = bar.add_task("asking the hub", total=None)

        def report(model: str, done: int, total: int) -> None:
            bar.update(task, description=model, completed=done, total=total)

        specs = download.fetch(names, report)
    for spec in specs:
        typer.echo(f"{spec.name}: ready ({spec.weights})")


def _row(card: "ModelCard") -> tuple[str, ...]:
    return (
        card.ref.spec.name,
        f"{card.depth:g}",
        f"{card.width:g}",
        str(card.resolution_px),
        f"{card.params / 1e6:.1f}",
        f"{card.macs / 1e9:.2f}",
        "-" if card.top1_pct is None else f"{card.top1_pct:.1f}",
        "ready" if card.availability.available else "to fetch",
    )


def _facts(card: "ModelCard") -> dict[str, object]:
    spec = card.ref.spec
    return {
        "name": spec.name,
        "family": spec.family.value,
        "depth": card.depth,
        "width": card.width,
        "resolution": card.resolution_px,
        "params": card.params,
        "macs": card.macs,
        "weights": card.weights,
        "available": card.availability.available,
        "classes": len(spec.classes),
        "top1_pct": card.top1_pct,
        "top1_dataset": spec.dataset or None,
        "top1_source": spec.top1_source,
    }
