"""Compute maps of photos by models and write them to files, for `effviz cam` and `effviz.compare`."""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

import cachetools
import numpy as np

from effviz import cpu, file_io
from effviz.explain import decoding, engines, placement, targets
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import ActivationMap, Method, Photo, TargetLayer
from effviz.explain.forward_pass import forward
from effviz.explain.images import encode_png
from effviz.explain.overlay import OverlayStyle, Scale, ScaledMap, overlay, rescale
from effviz.explain.placement import Placement, RasterOptions
from effviz.explain.targets import Guess, Target
from effviz.progress import no_progress
from effviz.report.session_archive import provenance
from effviz.zoo import loading
from effviz.zoo.model import Model, ModelRef

VIEW: Final = RasterOptions(longest_px=2048)  # larger pictures take memory and show nothing more
KEPT_BYTES: Final = 2**26  # cache for decoded photos, so that a photo is decoded once for several models
RESULT_FILE: Final = "result.json"
RESULT_KEYS: Final = (
    *("photo", "model", "trained", "method", "layer", "target_index", "target_name", "logit", "probability", "top5"),
    *("map_height", "map_width", "map_min", "map_max", "map_file", "overlay_file"),
)
LONGEST_STEM: Final = 40  # letters of a photo's name, at most 160 bytes: with model, method and suffix, within 255
Result = dict[str, Any]  # one object of result.json
PhotoSource = Path | Photo  # pixels of files are not kept beyond KEPT_BYTES, so that many files take little memory


@dataclass(frozen=True, slots=True)
class ExplanationRequest:
    """What to explain: every photo by every model."""

    photos: tuple[PhotoSource, ...]
    refs: tuple[ModelRef, ...]
    target: Target
    method: Method
    layer: TargetLayer
    placement: Placement


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """One photo explained by one model."""

    photo: PhotoSource
    map: ActivationMap
    top5: tuple[Guess, ...]


def explain(request: ExplanationRequest, tell: Callable[[str], object] = no_progress) -> list[Explanation]:
    """Compute all maps and call `tell` after each; return them photo by photo. At most two networks are in memory.

    Raises:
        EffVizError: A photo, model, class or layer cannot be used; nothing was written.
    """
    if request.placement is Placement.CALIBRATED:
        for ref in request.refs:
            placement.find_calibration(ref.label)
    columns: dict[int, list[Explanation]] = {}
    for place, model in _prepared(request.refs):
        columns[place] = []
        for photo in request.photos:
            passed = forward(model, read(photo))
            entry = activation_map(passed, request.target, request.method, request.layer)
            columns[place].append(Explanation(photo, entry, targets.top_guesses(passed)))
            tell(f"{photo.name}, {model.ref.label}")
    by_model = (columns[place] for place in sorted(columns))
    return [explanation for row in zip(*by_model, strict=True) for explanation in row]


def _prepared(refs: Sequence[ModelRef]) -> Iterator[tuple[int, Model]]:
    """Yield models with their positions; load and compile the next one while the caller uses the current one."""
    models = loading.iter_models(refs)
    with ThreadPoolExecutor(1, thread_name_prefix="models") as preparing:
        ahead = preparing.submit(_next_ready, models)
        while pair := ahead.result():
            ahead = preparing.submit(_next_ready, models)
            yield pair


def _next_ready(models: Iterator[tuple[int, Model]]) -> tuple[int, Model] | None:
    if pair := next(models, None):
        engines.choose(pair[1])
    return pair


def write(explanations: Sequence[Explanation], out: Path, scale: Scale, style: OverlayStyle) -> list[Result]:
    """Write overlays, raw maps and `result.json`, and return the contents of `result.json`.

    Raises:
        SettingsError: The folder cannot be written.
    """
    with file_io.reporting_write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        scaled = rescale([explanation.map for explanation in explanations], scale)
        paths = [out.resolve() / stem for stem in _stems(explanations)]
        with ThreadPoolExecutor(cpu.available_cores(), thread_name_prefix="overlays") as pool:
            results = list(pool.map(partial(_write, style=style), explanations, scaled, paths))
        file_io.write_text_atomically(out / RESULT_FILE, file_io.json_text(results) + "\n")
    return results


def read(photo: PhotoSource) -> Photo:
    """Return a photo's pixels.

    Raises:
        ImageError: The photo is a file that cannot be read.
    """
    if isinstance(photo, Photo):
        return photo
    try:
        status = photo.stat()
    except OSError:
        return decoding.read_file(photo)  # raises an error that says what is wrong
    return _read_file(photo, status.st_mtime_ns, status.st_size)


@cachetools.cached(cachetools.LRUCache(KEPT_BYTES, lambda photo: photo.rgb.nbytes), lock=Lock())
def _read_file(path: Path, _changed_ns: int, _size: int) -> Photo:
    return decoding.read_file(path)


def _write(explanation: Explanation, scaled: ScaledMap, stem: Path, style: OverlayStyle) -> Result:
    map_file, overlay_file = stem.with_name(f"{stem.name}.npy"), stem.with_name(f"{stem.name}.png")
    np.save(map_file, explanation.map.values)
    overlay_file.write_bytes(encode_png(overlay(read(explanation.photo), scaled, style)))
    facts = {**provenance(explanation.map), "top5": [asdict(guess) for guess in explanation.top5]}
    facts |= {"map_file": str(map_file), "overlay_file": str(overlay_file)}
    if isinstance(explanation.photo, Path):
        facts["photo"] = str(explanation.photo)
    return {key: facts[key] for key in RESULT_KEYS}


def _stems(explanations: Sequence[Explanation]) -> Iterator[str]:
    """Yield file names from photo, model and method; if two photos share a name, all names start with a number."""
    photos = list(dict.fromkeys(explanation.photo for explanation in explanations))
    names = [_file_name(Path(photo.name).stem)[:LONGEST_STEM] for photo in photos]
    if len({name.casefold() for name in names}) < len(names):
        names = [f"{number:03d}-{name}" for number, name in enumerate(names, start=1)]
    by_photo = dict(zip(photos, names, strict=True))
    for explanation in explanations:
        entry = explanation.map
        yield f"{by_photo[explanation.photo]}--{_file_name(entry.model)}--{entry.method.value}"


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.@+-]", "_", text)
