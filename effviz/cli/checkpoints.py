"""Commands for one's own networks: `add` takes a weights file in, `check` runs it beside torch, `remove` ends it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from effviz import file_io
from effviz.cli import console
from effviz.errors import EffVizError, SettingsError
from effviz.i18n import _

if TYPE_CHECKING:
    from effviz.explain.data_types import ActivationMap
    from effviz.zoo.manifest import CheckpointEntry
    from effviz.zoo.model import ModelRef, OutputActivation
    from effviz.zoo.registration import AddedCheckpoint

SAMPLE = "berlin_cathedral"  # of which the first map is drawn


def add(  # noqa: PLR0913  # one parameter an option, as Typer wants it
    weights: Annotated[
        Path, typer.Argument(help="safetensors, or a state dict that torch saved, in any usual wrapper.")
    ],
    name: Annotated[str, typer.Option(help="How to ask for it; the file's name by default.")] = "",
    architecture: Annotated[
        str, typer.Option(help="tf_efficientnet_b0 (SAME padding), efficientnet_b0 (symmetric) and so on, as trained.")
    ] = "",
    classes: Annotated[str, typer.Option(help="A file with one name a line, names with commas, or imagenet.")] = "",
    resolution: Annotated[int | None, typer.Option(help="Input size in pixels that it was trained at.")] = None,
    mean: Annotated[str, typer.Option(help="Of pixels in 0..1: 0.485,0.456,0.406 or one number.")] = "",
    std: Annotated[str, typer.Option(help="The same.")] = "",
    crop: Annotated[float | None, typer.Option(help="Centre crop, a part of the resized photo: 0.875.")] = None,
    interpolation: Annotated[str, typer.Option(help="bilinear or bicubic.")] = "",
    activation: Annotated[str, typer.Option(help="softmax, or sigmoid where several classes may be right.")] = "",
    ema: Annotated[bool, typer.Option("--ema", help="Take the moving averages that lie in the file.")] = False,
    licence: Annotated[str, typer.Option(help="Of the weights.")] = "",
    origin: Annotated[str, typer.Option(help="Who trained it, on what.")] = "",
    as_json: console.AsJson = False,
) -> None:
    """Add your own network: look at its file without running it, say what was found, write it and draw one map.

    What no file can tell is asked for: the padding (--architecture) and the names of the classes (--classes).
    """
    from effviz.zoo import registration
    from effviz.zoo.registration import NetworkFacts

    told = NetworkFacts(
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
    added = registration.add(weights, told, ema)
    _show_added(added, as_json)


def _show_added(added: "AddedCheckpoint", as_json: bool) -> None:
    """Say what was found in the file, and what the network sees on a sample."""
    from effviz.zoo import registration

    try:
        made, picture = _first_map(added.entry)
    except EffVizError:  # what cannot be shown is not left in the list
        registration.remove(added.entry.name)
        raise
    if as_json:
        facts = added.entry.model_dump(mode="json") | {"findings": added.findings, "map": str(picture)}
        console.show_json(facts | {"top1": made.target_name, "probability": made.probability})
        return
    for line in added.findings:
        typer.echo(line)
    said = _("{name} is ready. It takes the sample {sample} for {target} ({probability:.1%}): {picture}")
    typer.echo(
        said.format(
            name=added.entry.name,
            sample=SAMPLE,
            target=made.target_name,
            probability=made.probability,
            picture=picture,
        )
    )
    if added.entry.licence == registration.UNKNOWN_LICENCE:
        typer.echo(_("Its licence is noted as unknown; --licence says another."))


def remove(name: Annotated[str, typer.Argument(help="As `effviz models` lists it.")]) -> None:
    """Take one of your networks out of the list, and its file away."""
    from effviz.zoo import registration

    entry = registration.remove(name)
    typer.echo(_("{name} is no longer in the list; {file} is gone.").format(name=entry.name, file=entry.file))


def check(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Any model: my-network, or lite0@260.")],
    as_json: console.AsJson = False,
) -> None:
    """Run a model beside timm's own network in torch, and print the largest difference of a logit."""
    from effviz.zoo import catalogue

    ref = catalogue.parse_model(name)
    largest, size, engine = _differences(ref)
    relative = largest / size if size else largest
    if as_json:
        console.show_json({"model": ref.label, "engine": engine, "largest_difference": largest, "relative": relative})
    else:
        said = _(
            "{model} on {engine}: logits differ from timm's by at most {largest:.2g}, {relative:.1g} of {size:.3g}."
        )
        typer.echo(said.format(model=ref.label, engine=engine, largest=largest, relative=relative, size=size))
    if not relative <= TOLERANCE:
        raise SettingsError(
            _(
                "{model} gives other logits than timm: at most {most:g} of the largest is right. Do not trust its maps."
            ).format(model=ref.label, most=TOLERANCE)
        )


TOLERANCE = 1e-4  # of the largest logit


def _numbers(option: str, text: str) -> tuple[float, ...] | None:
    if not text:
        return None
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) not in (1, 3):
        raise typer.BadParameter(f"{option} is {text!r}: one number or three with commas between are allowed.")
    return found


def _activation(text: str) -> "OutputActivation | None":
    from effviz.zoo.model import OutputActivation

    if text and text not in list(OutputActivation):
        raise typer.BadParameter(f"--activation is {text!r}: softmax or sigmoid is allowed.")
    return OutputActivation(text) if text else None


def _first_map(entry: "CheckpointEntry") -> tuple["ActivationMap", Path]:
    """The proof that it works: one map, drawn over a sample, in the cache folder."""
    from effviz.explain import decoding, sample_photos
    from effviz.explain.activation_maps import activation_map
    from effviz.explain.forward_pass import forward
    from effviz.explain.overlay import OverlayStyle, Scale, overlay, rescale
    from effviz.report.image_files import encode_png
    from effviz.zoo import catalogue, loading

    photo = decoding.read_file(sample_photos.find(SAMPLE).path)
    made = activation_map(forward(loading.load(catalogue.parse_model(entry.name)), photo))
    path = file_io.cache_folder() / "added" / f"{entry.name}.png"
    with file_io.reporting_write_errors(path, file_io.CHOOSE_CACHE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(overlay(photo, rescale([made], Scale.OWN)[0], OverlayStyle())))
    return made, path


def _differences(ref: "ModelRef") -> tuple[float, float, str]:
    """The largest difference of a logit on a sample, the largest logit, and what ran it here."""
    import numpy as np

    from effviz.explain import decoding, sample_photos
    from effviz.explain.engines import engine_name
    from effviz.explain.forward_pass import prepare, run_network
    from effviz.zoo import loading
    from effviz.zoo.torch_modules import run_as_saved

    prepared = prepare(decoding.read_file(sample_photos.find(SAMPLE).path), ref)
    model = loading.load(ref)
    _features, ours = run_network(model, prepared.pixels)
    theirs = run_as_saved(ref.spec, prepared.pixels)
    return float(np.abs(ours - theirs).max()), float(np.abs(theirs).max()), engine_name(model).value
