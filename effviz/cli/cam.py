"""Commands on photos: `cam` writes maps and overlays, `calibrate` measures where a model's cells are."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from effviz.cli import console
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.overlay import Palette, Scale
from effviz.explain.placement import Placement


def cam(  # noqa: PLR0913  # Typer needs one parameter per option
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF files.")
    ],
    out: Annotated[Path, typer.Option(help="Output folder; created if it does not exist.")],
    models: Annotated[str, typer.Option(help="Comma-separated models, such as lite0@224,lite2@260.")] = "lite0",
    method: Annotated[Method, typer.Option(help="How features become a map.")] = Method.CAM,
    layer: Annotated[TargetLayer, typer.Option(help="Where the features are read.")] = TargetLayer.LAST,
    target: Annotated[
        str, typer.Option(help="Class to explain: top1 (each model's own), rank2, name or index.", metavar="TARGET")
    ] = "top1",
    scale: Annotated[Scale, typer.Option(help="How values become colours.")] = Scale.OWN,
    palette: Annotated[Palette, typer.Option(help="Colours; signed maps always use the diverging palette.")] = (
        Palette.INFERNO
    ),
    opacity: Annotated[float, typer.Option(min=0, max=1, help="0 shows only the photo, 1 only the colours.")] = 0.55,
    placement: Annotated[Placement, typer.Option(help="Where a map's cells are drawn on the photo.")] = Placement.PLAIN,
    as_json: console.AsJson = False,
) -> None:
    """Write an overlay (PNG) and the raw map (NPY) for each photo and model, and result.json.

    Photos are prepared as in each model's own evaluation: resize, centre crop, bicubic.
    The NPY holds the map as computed, neither clipped nor rescaled.
    """
    from effviz.explain import decoding

    decoding.pool().start(len(photos))  # they start while this process loads the rest
    from effviz.explain import targets
    from effviz.explain.overlay import OverlayStyle
    from effviz.report import explanations
    from effviz.zoo import catalogue

    refs = tuple(dict.fromkeys(catalogue.parse_model(name) for name in models.split(",")))
    asked = targets.parse_target(target)
    for photo in photos:
        explanations.read(photo)  # report an unreadable photo before any network is built
    request = explanations.ExplanationRequest(tuple(photos), refs, asked, method, layer, placement)
    with console.progress() as bar:
        task = bar.add_task("maps", total=len(refs) * len(photos))
        explained = explanations.explain(request, lambda text: bar.update(task, description=text, advance=1))
    style = OverlayStyle(palette, opacity, placement, explanations.VIEW)
    results = explanations.write(explained, out, scale, style)
    if as_json:
        console.show_json(results)
    else:
        _show_maps(f"{method.value} at {layer.value}", results)


def _show_maps(title: str, results: list[dict[str, Any]]) -> None:
    rows = [
        (Path(result["photo"]).name, result["model"], f"{result['probability']:.1%}", result["target_name"])
        for result in results
    ]
    console.show_table(title, ("Photo", "Model", "Probability", "Class"), rows)
    for result in results:
        typer.echo(result["overlay_file"])  # not in the table, which would wrap it


def calibrate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Such as lite0@224 lite2@260.")],
    as_json: console.AsJson = False,
) -> None:
    """Measure where a model's cells are on a photo, with objects planted at known places, and store the result.

    Takes one to three minutes per model, and prints the remaining error.
    Afterwards, the calibrated placement of `effviz cam` and of the Compare page uses the result.
    """
    from effviz.explain import placement
    from effviz.explain.calibration_run import calibrate as measure
    from effviz.zoo import catalogue

    refs = [catalogue.parse_model(name) for name in models]
    placement.check_calibration_writable()
    calibrations = []
    with console.progress() as bar:
        for ref in refs:
            calibrations.append(measure(ref, console.count_progress(bar, bar.add_task(ref.label, total=None))))
            placement.store_calibration(calibrations[-1])
    if as_json:
        console.show_json([asdict(one) for one in calibrations])
        return
    rows = [
        (
            one.model,
            f"{one.slope:.3f}",
            f"{one.offset_x:+.1f}, {one.offset_y:+.1f}",
            f"{one.plain_error_cells:.2f}",
            f"{one.error_cells:.2f}",
            str(one.plantings),
        )
        for one in calibrations
    ]
    columns = ("Model", "Slope", "Offset, px", "Error plain, cells", "Error calibrated, cells", "Objects")
    console.show_table("Where evidence for planted objects was found", columns, rows)
