"""Commands about models: `models` lists them, `fetch` gets weights from the hub."""

from typing import TYPE_CHECKING, Annotated

import typer

from effviz.cli import console

if TYPE_CHECKING:
    from effviz.zoo.model_cards import ModelCard


def models(as_json: console.AsJson = False) -> None:
    """List the models: size, cost, accuracy, and whether their weights are on this machine.

    Every model runs at other sizes too: lite0@260. Other weights are NAME:RECIPE, such as b0:ns_jft_in1k. Any scaled
    network works: scaled-d1.4-w1.2@300 (untrained unless models/ has a checkpoint that fits).
    """
    from effviz.zoo import catalogue, hub
    from effviz.zoo.model_cards import model_card

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
