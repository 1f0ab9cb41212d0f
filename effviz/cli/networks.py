"""Commands about networks: planned by arithmetic, models with weights, and the user's own networks."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from effviz import file_io, scaling
from effviz.cli import console
from effviz.errors import EffVizError, SettingsError
from effviz.i18n import _
from effviz.scaling import BudgetKind, Family, Plan, ScalingMethod, Solution, framework_code

if TYPE_CHECKING:
    from effviz.explain.data_types import ActivationMap
    from effviz.zoo.catalogue import ModelCard
    from effviz.zoo.manifest import CheckpointEntry
    from effviz.zoo.model import ModelRef, OutputActivation

_FAMILY = typer.Option(help="EfficientNet, or Lite: no squeeze-and-excitation, fixed stem and head.")
_PAPER = "; the default is the paper's."
_CLASSES = typer.Option(help="Number of classes of the last layer.")
_CODE = typer.Option("--code", help="Print the code that builds it in timm, torchvision and Keras, and its counts.")


def scale(  # noqa: PLR0913  # Typer needs one parameter per option
    phi: Annotated[
        float, typer.Option(help="How much to scale: 0 is B0, negative is smaller, and each +1 about doubles the MACs.")
    ],
    alpha: Annotated[float, typer.Option(help="Depth grows by alpha^phi" + _PAPER)] = 1.2,
    beta: Annotated[float, typer.Option(help="Width grows by beta^phi" + _PAPER)] = 1.1,
    gamma: Annotated[float, typer.Option(help="Resolution grows by gamma^phi" + _PAPER)] = 1.15,
    family: Annotated[Family, _FAMILY] = Family.EFFICIENTNET,
    as_json: console.AsJson = False,
) -> None:
    """Scale B0 by the compound rule and show the network: depth, width, resolution, parameters, MACs, stages."""
    rule = scaling.ScalingRule(alpha, beta, gamma)
    at = rule.at(phi)
    network = scaling.plan(at.depth, at.width, at.resolution_px, family)
    title = f"phi {phi:g}, alpha*beta^2*gamma^2 = {rule.constraint:.3f}"
    console.show_json(network.as_dict()) if as_json else _show(network, title)


def plan(  # noqa: PLR0913
    depth: Annotated[float, typer.Option(help="Multiplier of B0's number of blocks.")],
    width: Annotated[float, typer.Option(help="Multiplier of B0's number of channels.")],
    resolution: Annotated[int, typer.Option(help="Side of the square input in pixels; B0 has 224.")],
    family: Annotated[Family, _FAMILY] = Family.EFFICIENTNET,
    classes: Annotated[int, _CLASSES] = 1000,
    code: Annotated[bool, _CODE] = False,
    as_json: console.AsJson = False,
) -> None:
    """Show a network of any depth, width and resolution stage by stage, or the Python code that builds it."""
    network = scaling.plan(depth, width, resolution, family, classes)
    if code:
        typer.echo(framework_code.script(network), nl=False)
    else:
        console.show_json(network.as_dict()) if as_json else _show(network, family.value)


def solve(  # noqa: PLR0913
    macs: Annotated[float | None, typer.Option(help="Maximum number of multiply-adds, such as 1e9.")] = None,
    params: Annotated[float | None, typer.Option(help="Maximum number of parameters, such as 8e6.")] = None,
    memory: Annotated[float | None, typer.Option(help="Maximum peak memory of activations in bytes.")] = None,
    method: Annotated[ScalingMethod, typer.Option(help="Which dimensions grow.")] = ScalingMethod.COMPOUND,
    resolution: Annotated[int | None, typer.Option(help="Fix the side of the input in pixels, such as 128.")] = None,
    family: Annotated[Family, _FAMILY] = Family.EFFICIENTNET,
    classes: Annotated[int, _CLASSES] = 1000,
    code: Annotated[bool, _CODE] = False,
    as_json: console.AsJson = False,
) -> None:
    """Find the largest network within one or more limits: "maximise accuracy subject to memory and FLOPs" (Eq. 2)."""
    amounts = {BudgetKind.MACS: macs, BudgetKind.PARAMS: params, BudgetKind.ACTIVATION_MEMORY: memory}
    budgets = [scaling.Budget(kind, amount) for kind, amount in amounts.items() if amount is not None]
    if not budgets:
        raise typer.BadParameter("Give at least one of --macs, --params and --memory.")
    path = scaling.ScalingPath(method, family=family, resolution_px=resolution, classes=classes)
    solution = scaling.solve_within(budgets, path)
    if code:
        typer.echo(framework_code.script(solution.plan), nl=False)
    elif as_json:
        console.show_json(_solution(solution))
    else:
        name = "phi" if method is ScalingMethod.COMPOUND else method.value
        _show(solution.plan, f"{name} = {solution.coefficient:.4f}, {solution.miss_pct:.1f} % of the budget is left")
        _show_limits(solution)


def _solution(solution: Solution) -> dict[str, object]:
    return {
        "method": solution.method.value,
        "coefficient": solution.coefficient,
        "budget": {"kind": solution.budget.kind.value, "amount": solution.budget.amount},
        "reached": solution.reached,
        "miss": solution.miss,
        "limits": [
            {"kind": budget.kind.value, "amount": budget.amount, "share": share} for budget, share in solution.shares
        ],
        "binds": None if solution.at_limit else solution.budget.kind.value,
        **solution.plan.as_dict(),
    }


def _show_limits(solution: Solution) -> None:
    if len(shares := solution.shares) > 1:
        typer.echo("; ".join(f"{limit.kind.value}: {share:.1%} of {limit.amount:,.0f}" for limit, share in shares))
    stops = "EffViz's largest size, before any limit" if solution.at_limit else solution.budget.kind.value
    typer.echo(f"What stops the growth: {stops}")


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


def models(as_json: console.AsJson = False) -> None:
    """List the models with size, cost, accuracy, and whether their weights are on this machine.

    Every model also runs at other sizes: lite0@260. For other weights, write NAME:RECIPE, such as b0:ns_jft_in1k.
    Any scaled network works: scaled-d1.4-w1.2@300 (untrained unless models/ has a matching checkpoint).
    """
    from effviz.zoo import catalogue, hub

    for spec in catalogue.catalogue():
        hub.verify(spec)
    cards = catalogue.cards()
    if as_json:
        console.show_json([_facts(card) for card in cards])
        return
    columns = ("Model", "Depth", "Width", "Pixels", "Params, M", "MACs, G", "Top-1, %", "Weights")
    # One table per data set: accuracies on ten classes and on a thousand do not belong in one column.
    for measured_on in dict.fromkeys(card.top1_on for card in cards):
        rows = [_row(card) for card in cards if card.top1_on == measured_on]
        console.show_table(f"Models, top-1 on {measured_on}", columns, rows)
    if any(not card.availability.available for card in cards):
        typer.echo('To get the weights of a model marked "to fetch", run `effviz fetch MODEL` once, online.')


def fetch(
    names: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Such as b0 b1, or b0:ns_jft_in1k.")],
) -> None:
    """Download weights from the Hugging Face hub, once; afterwards they work offline."""
    from effviz.zoo import download

    with console.progress(in_bytes=True) as bar:
        task = bar.add_task("contacting the hub", total=None)
        specs = download.fetch(names, console.named_progress(bar, task))
    for spec in specs:
        typer.echo(f"{spec.name}: ready ({spec.weights})")


def export(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Such as lite0@224.")],
    onnx: Annotated[Path, typer.Option(help="The file to write; an existing one is replaced.")],
    as_json: console.AsJson = False,
) -> None:
    """Write a model as an ONNX file, with preprocessing and classes in its metadata, checked with onnxruntime."""
    from effviz.zoo import catalogue, loading, onnx_export

    exported = onnx_export.export_onnx(loading.load(catalogue.parse_model(name)), onnx)
    if as_json:
        console.show_json(asdict(exported) | {"file": str(exported.file)})
        return
    typer.echo(
        f"{exported.file}: {exported.size_bytes / 1e6:.1f} MB; onnxruntime's logits equal torch's to within "
        f"{exported.difference:.1e} of the largest logit"
    )


def _row(card: "ModelCard") -> tuple[str, ...]:
    return (
        card.ref.spec.name,
        "-" if card.depth is None else f"{card.depth:g}",
        "-" if card.width is None else f"{card.width:g}",
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
        "family": spec.family.value if spec.family else None,
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


# Commands for the user's own networks: `add` registers a file, `check` compares it with torch, `remove` deletes it.

SAMPLE = "berlin_cathedral"  # the photo of the first map


def add(  # noqa: PLR0913  # Typer needs one parameter per option
    weights: Annotated[
        Path, typer.Argument(help="A safetensors file, or a state dict saved by torch, in any common wrapper.")
    ],
    name: Annotated[str, typer.Option(help="Name of the model; default: the file's name.")] = "",
    architecture: Annotated[
        str, typer.Option(help="As trained: tf_efficientnet_b0 (SAME padding), efficientnet_b0 (symmetric) and so on.")
    ] = "",
    classes: Annotated[str, typer.Option(help="File with one name per line, comma-separated names, or imagenet.")] = "",
    resolution: Annotated[int | None, typer.Option(help="Input size in pixels that it was trained with.")] = None,
    mean: Annotated[str, typer.Option(help="Mean of pixels in 0..1: 0.485,0.456,0.406 or one number.")] = "",
    std: Annotated[str, typer.Option(help="Standard deviation of pixels, in the same form.")] = "",
    crop: Annotated[float | None, typer.Option(help="Centre crop as a fraction of the resized photo: 0.875.")] = None,
    interpolation: Annotated[str, typer.Option(help="bilinear or bicubic.")] = "",
    activation: Annotated[str, typer.Option(help="softmax, or sigmoid if several classes can be right.")] = "",
    ema: Annotated[bool, typer.Option("--ema", help="Use the moving averages of the weights in the file.")] = False,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "",
    origin: Annotated[str, typer.Option(help="Who trained it, and on which data.")] = "",
    as_json: console.AsJson = False,
) -> None:
    """Add your own network: inspect its file without running it, report what was found, store it and draw one map.

    If the file does not contain its padding or class names, give them with --architecture and --classes.
    """
    from effviz.zoo import registration
    from effviz.zoo.registration import NetworkFacts

    given = NetworkFacts(
        name=name,
        architecture=architecture,
        classes=registration.read_classes(classes) if classes else (),
        resolution_px=resolution,
        crop_pct=crop,
        interpolation=interpolation,
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
        activation=_activation(activation),
        licence=licence,
        origin=origin,
    )
    _show_added(*registration.add(weights, given, ema), as_json)


def _show_added(entry: "CheckpointEntry", findings: tuple[str, ...], as_json: bool) -> None:
    from effviz.zoo import registration

    try:
        cam, picture = _first_map(entry)
    except EffVizError:  # do not leave a network in the list that cannot be shown
        registration.remove(entry.name)
        raise
    if as_json:
        facts = asdict(entry) | {"findings": findings, "map": str(picture)}
        console.show_json(facts | {"top1": cam.target_name, "probability": cam.probability})
        return
    for line in findings:
        typer.echo(line)
    sentence = _("{name} is ready. It classifies the sample photo {sample} as {target} ({probability:.1%}): {picture}")
    typer.echo(
        sentence.format(
            name=entry.name, sample=SAMPLE, target=cam.target_name, probability=cam.probability, picture=picture
        )
    )
    if entry.licence == registration.UNKNOWN_LICENCE:
        typer.echo(_("Its licence is recorded as unknown; set it with --licence."))


def remove(name: Annotated[str, typer.Argument(help="Name as listed by `effviz models`.")]) -> None:
    """Remove one of your networks from the list and delete its file."""
    from effviz.zoo import registration

    entry = registration.remove(name)
    typer.echo(_("Removed {name} from the list and deleted {file}.").format(name=entry.name, file=entry.file))


def check(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Any model: my-network, or lite0@260.")],
    as_json: console.AsJson = False,
) -> None:
    """Compare a model with timm's own network in torch, and print the largest difference between logits."""
    from effviz.zoo import catalogue

    ref = catalogue.parse_model(name)
    largest, size, engine = _differences(ref)
    relative = largest / size if size else largest
    if as_json:
        console.show_json({"model": ref.label, "engine": engine, "largest_difference": largest, "relative": relative})
    else:
        sentence = _(
            "{model} on {engine}: logits differ from timm's by up to {largest:.2g}, {relative:.1g} of the largest "
            "({size:.3g})."
        )
        typer.echo(sentence.format(model=ref.label, engine=engine, largest=largest, relative=relative, size=size))
    if not relative <= TOLERANCE:
        text = _(
            "{model} differs too much from timm: at most {most:g} of the largest logit is allowed. Do not trust "
            "its maps."
        )
        raise SettingsError(text.format(model=ref.label, most=TOLERANCE))


TOLERANCE = 1e-4  # of the largest logit


def _numbers(option: str, text: str) -> tuple[float, ...] | None:
    if not text:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3):
        raise typer.BadParameter(f"{option} is {text!r}: it must be one number, or three separated by commas.")
    return numbers


def _activation(text: str) -> "OutputActivation | None":
    from effviz.zoo.model import OutputActivation

    if text and text not in list(OutputActivation):
        raise typer.BadParameter(f"--activation is {text!r}: it must be softmax or sigmoid.")
    return OutputActivation(text) if text else None


def _first_map(entry: "CheckpointEntry") -> tuple["ActivationMap", Path]:
    """Draw one map over a sample photo, as proof that the network works, and write it to the cache folder."""
    from effviz.explain import decoding, sample_photos
    from effviz.explain.activation_maps import activation_map
    from effviz.explain.forward_pass import forward
    from effviz.explain.images import encode_png
    from effviz.explain.overlay import OverlayStyle, Scale, overlay, rescale
    from effviz.zoo import catalogue, loading

    photo = decoding.read_file(sample_photos.find(SAMPLE).path)
    first_map = activation_map(forward(loading.load(catalogue.parse_model(entry.name)), photo))
    path = file_io.cache_folder() / "added" / f"{entry.name}.png"
    with file_io.reporting_write_errors(path, file_io.CHOOSE_CACHE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(overlay(photo, rescale([first_map], Scale.OWN)[0], OverlayStyle())))
    return first_map, path


def _differences(ref: "ModelRef") -> tuple[float, float, str]:
    """Return the largest difference between logits on a sample photo, the largest logit, and the engine."""
    import numpy as np

    from effviz.explain import decoding, sample_photos
    from effviz.explain.engines import choose
    from effviz.explain.forward_pass import prepare, run_network
    from effviz.zoo import loading
    from effviz.zoo.torch_modules import run_as_saved

    prepared = prepare(decoding.read_file(sample_photos.find(SAMPLE).path), ref)
    model = loading.load(ref)
    _features, ours = run_network(model, prepared.pixels)
    theirs = run_as_saved(ref.spec, prepared.pixels)
    return float(np.abs(ours - theirs).max()), float(np.abs(theirs).max()), choose(model).engine.name.value
