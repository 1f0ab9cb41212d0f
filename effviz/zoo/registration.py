"""Register a user's own network as a checkpoint of `models/`, from what the file says and what the user must add.

Padding, epsilon and normalisation come from the architecture's name, never from shapes: timm's `efficientnet_b0` and
`tf_efficientnet_b0` have the same tensors but very different logits.
"""

import re
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from safetensors.numpy import save_file

from effviz import file_io
from effviz.errors import SettingsError
from effviz.i18n import _, lazy_gettext
from effviz.scaling import PUBLISHED, Family, Padding
from effviz.zoo import checkpoints, imagenet_classes, manifest, model, state_dicts, weights_inspection
from effviz.zoo.weights_inspection import InspectedNetwork, Naming, Unwrapped

UNKNOWN_LICENCE: Final = "unknown"
_ARCHITECTURE = re.compile(r"(?P<tf>tf_)?efficientnet_(?P<name>b[0-8]|l2|lite[0-4])(?P<tag>\..+)?")


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What a user or a file states about a network; None or "" for what is not stated."""

    name: str = ""
    architecture: str = ""  # timm's, "tf_efficientnet_b0": padding, epsilon and usual normalisation
    classes: tuple[str, ...] = ()
    resolution_px: int | None = None
    crop_pct: float | None = None
    interpolation: str = ""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    activation: model.OutputActivation | None = None
    epsilon: float | None = None
    licence: str = ""
    origin: str = ""


def add(path: Path, given: NetworkFacts, ema: bool = False) -> tuple[manifest.CheckpointEntry, tuple[str, ...]]:
    """Inspect a weights file without running code in it, and save it as safetensors with an entry in the manifest.

    Returns the entry and the findings, one sentence each.

    Raises:
        WeightsError: the file cannot be read, or contains no scaled B0 or Lite0.
        SettingsError: something cannot be inferred (the text names the options that set it), or an option is wrong.
    """
    name = given.name or _name_of(path)
    _check_name(name)
    saved = checkpoints.open_weights(path, ema)
    network = weights_inspection.inspect(saved.tensors, path.name)
    recorded = facts_beside(saved.beside)
    row = _row(network, _merged(given, recorded, network)) | {"name": name, "file": f"{name}.safetensors"}
    file = path.name.encode(errors="backslashreplace").decode()  # file names may not be valid text
    row["origin"] = given.origin or f"added from {file}, sha256 {saved.sha256[:12]}"
    entry = _store(row, network)
    findings = [*_about_file(saved, network), *_about_network(network, entry)]
    if recorded.architecture and not given.architecture:
        findings.append(_("The file states its architecture: {name}.").format(name=recorded.architecture))
    return entry, tuple(findings)


def remove(name: str) -> manifest.CheckpointEntry:
    """Remove a checkpoint from the manifest, and delete its file if no other entry names it.

    Raises:
        SettingsError: there is no such checkpoint, it comes with EffViz, or the folder cannot be written.
    """
    entry = manifest.find_entry(name)
    if entry is not None and manifest.is_shipped(entry):
        text = _("The checkpoint {name!r} comes with EffViz. You can remove only your own; `effviz models` lists all.")
        raise SettingsError(text.format(name=name))
    entries = manifest.own_entries()
    entry = next((network for network in entries if network.name == name), None)
    others = [network for network in entries if network.name != name]
    if entry is None:
        names = ", ".join(network.name for network in others)
        text = _("There is no checkpoint {name!r} to remove. Your checkpoints: {known}.")
        raise SettingsError(text.format(name=name, known=names or _("none")))
    manifest.replace_entries(others)
    path = manifest.models_folder() / entry.file
    inside = path.parent.resolve().is_relative_to(manifest.models_folder().resolve())  # a link itself, not its target
    if inside and all(network.file != entry.file for network in others):
        with file_io.reporting_write_errors(path, ""):
            path.unlink(missing_ok=True)
    return entry


def _name_of(path: Path) -> str:
    """Return a model name from a file name: `My Net (best).pth.tar` gives `my-net-best`."""
    stem = re.sub(r"(\.(pth|pt|tar|ckpt|bin|safetensors))+$", "", path.name.lower())
    return re.sub(r"^[^a-z]+|[^a-z0-9]+$", "", re.sub(r"[^a-z0-9._]+", "-", stem))[:100] or "network"


def _check_name(name: str) -> None:
    if re.fullmatch(manifest.NAME_PATTERN, name) is None:
        text = _("The name {name!r} is not allowed. Use lower-case letters, digits, '.', '_' and '-' in --name.")
        raise SettingsError(text.format(name=name[:100]))
    if name in PUBLISHED or name.startswith("scaled"):
        raise SettingsError(_("{name!r} is the name of another network: give another --name.").format(name=name))
    if manifest.find_entry(name) is not None:
        text = _("A checkpoint {name!r} already exists. Give another --name, or run `effviz remove {name}` first.")
        raise SettingsError(text.format(name=name))


# What a checkpoint states about itself: timm's `arch` and `args`, or the metadata of a safetensors file.


def facts_beside(beside: Mapping[str, Any]) -> NetworkFacts:
    """Read the metadata beside a state dict, ignoring values of an unusual form."""
    args = beside.get("args")
    training_args = vars(args) if isinstance(args, Namespace) else args if isinstance(args, Mapping) else {}
    parsed = {key: _parsed(value) for key, value in {**training_args, **beside}.items() if value is not None}

    def said(*keys: str) -> Any:
        return next((parsed[key] for key in keys if key in parsed), None)

    architecture, interpolation = said("arch", "architecture", "model", "model_name"), said("interpolation")
    return NetworkFacts(
        architecture=architecture if isinstance(architecture, str) and _ARCHITECTURE.fullmatch(architecture) else "",
        classes=_names(said("classes", "class_names", "label_names", "class_to_idx")),
        resolution_px=_pixels(said("img_size", "resolution", "input_size", "image_size")),
        crop_pct=_number(said("crop_pct")),
        interpolation=interpolation if interpolation in list(manifest.Interpolation) else "",
        mean=_three(said("mean")),
        std=_three(said("std")),
        epsilon=_number(said("bn_eps")),
    )


def _parsed(value: Any) -> Any:
    """Parse numbers and JSON lists or objects, because metadata of safetensors is text."""
    if not isinstance(value, str) or value[:1] not in "[{0123456789":
        return value
    try:
        return file_io.parse_json(value.encode())
    except ValueError:
        return value


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _pixels(value: Any) -> int | None:
    if isinstance(value, list | tuple) and value:  # (3, S, S)
        value = value[-1]
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _three(value: Any) -> tuple[float, ...] | None:
    numbers = [_number(number) for number in value] if isinstance(value, list | tuple) else []
    present = [number for number in numbers if number is not None]
    return tuple(present) if len(present) == len(numbers) and len(present) in (1, 3) else None


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping) and all(isinstance(entry, int) for entry in value.values()):
        value = sorted(value, key=value.__getitem__)
    if isinstance(value, list | tuple) and value and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    return ()


# The entry, from the weights, the file and the user; one error asks for everything that is missing.


def _merged(given: NetworkFacts, recorded: NetworkFacts, network: InspectedNetwork) -> NetworkFacts:
    """Return the user's facts over the file's, without the file's class names if their number does not match."""
    facts = recorded if len(recorded.classes) == network.plan.classes else replace(recorded, classes=())
    said = {fact.name: getattr(given, fact.name) for fact in fields(given)}
    said["architecture"] = given.architecture.strip()  # blanks count as not given
    return replace(facts, **{name: value for name, value in said.items() if value not in (None, "", ())})


def _row(network: InspectedNetwork, facts: NetworkFacts) -> dict[str, Any]:
    architecture, classes = _architecture(network, facts), facts.classes
    unknown = model.EvalTransform(0, 0.875)  # size 0: unknown
    usual = usual_transform(_of_its_size(architecture, network)) or unknown
    resolution_px = facts.resolution_px
    if resolution_px is None and usual.resolution_px and _published_name(network):
        resolution_px = usual.resolution_px
    mean, std = facts.mean or usual.statistics[0], facts.std or usual.statistics[1]
    mean, std = (part * 3 if len(part) == 1 else part for part in (mean, std))  # one number applies to all three
    missing = _missing(network, architecture, classes, resolution_px)
    if architecture and network.channels == 1 and len({*mean}) + len({*std}) > 2:
        missing.append(_("The network takes one channel: give --mean and --std, one number each, as used in training."))
    if missing:
        raise SettingsError(" ".join(missing))
    if len(classes) != network.plan.classes:
        text = _("There are {given} class names for {count} logits: give one name per logit with --classes.")
        raise SettingsError(text.format(given=len(classes), count=network.plan.classes))
    return {
        "family": network.plan.family.value,
        "depth": network.plan.depth,
        "width": network.plan.width,
        "resolution_px": resolution_px,
        "classes": list(classes),
        "licence": facts.licence or UNKNOWN_LICENCE,
        "top1_pct": None,
        "top1_source": "nobody has measured it",
        "crop_pct": usual.crop_pct if facts.crop_pct is None else facts.crop_pct,
        "interpolation": facts.interpolation or usual.interpolation,
        "mean": list(mean),
        "std": list(std),
        "channels": (model.Channels.GREY if network.channels == 1 else model.Channels.RGB).value,
        **_arithmetic(network, architecture, facts.epsilon),
        **({"activation": facts.activation.value} if facts.activation else {}),
    }


def _architecture(network: InspectedNetwork, facts: NetworkFacts) -> str:
    """Return the architecture that determines the arithmetic: the given one, or that of the tensor names' library."""
    asked = facts.architecture.strip().lower()
    if asked and _ARCHITECTURE.fullmatch(asked) is None:
        text = _(
            "There is no architecture {name!r}. Give one of timm's with --architecture: tf_efficientnet_b0 to b8 or "
            "lite0 to lite4 (SAME padding), or efficientnet_b0 and so on (symmetric). {others}"
        )
        raise SettingsError(text.format(name=asked[:100], others=_(weights_inspection.OTHER_FAMILIES)))
    name = asked or _implied_architecture(network)
    match = _ARCHITECTURE.fullmatch(name)
    if match is None:
        return ""
    same = network.naming is Naming.TIMM or bool(match["tf"]) is (network.naming is Naming.EFFICIENTNET_PYTORCH)
    if PUBLISHED[match["name"]].family is not network.plan.family or not same:
        text = _("The architecture {name} does not match: these are {family} weights with tensor names of {naming}.")
        raise SettingsError(text.format(name=name, family=_family_words(network.plan.family), naming=network.naming))
    return name


def _implied_architecture(network: InspectedNetwork) -> str:
    """Return the architecture of a library with only one arithmetic; "" for timm, which has both."""
    if network.naming is Naming.TIMM:
        return ""
    prefix = "tf_" if network.naming is Naming.EFFICIENTNET_PYTORCH else ""
    kind = "lite0" if network.plan.family is Family.LITE else "b0"
    return f"{prefix}efficientnet_{_published_name(network) or kind}"


def _published_name(network: InspectedNetwork) -> str:
    own = network.plan.family, network.plan.depth, network.plan.width
    return next((name for name, row in PUBLISHED.items() if (row.family, row.depth, row.width) == own), "")


def _of_its_size(architecture: str, network: InspectedNetwork) -> str:
    """Return the architecture with the name of the matching published network: "b0" may only mean the family."""
    match, name = _ARCHITECTURE.fullmatch(architecture), _published_name(network)
    if match is None or not name or match["name"] == name:
        return architecture
    return f"{match['tf'] or ''}efficientnet_{name}"


def usual_transform(architecture: str) -> model.EvalTransform | None:
    """Return timm's default evaluation transform of an architecture, with or without the tag of its weights."""
    match = _ARCHITECTURE.fullmatch(architecture)
    if match is None:
        return None
    if transform := model.eval_transform(architecture):
        return transform
    size = match["name"].replace("lite", "b")  # Lite has the input sizes of B0 to B4
    sized = model.eval_transform(f"tf_efficientnet_{size}")
    halves = size != match["name"] and match["tf"]
    return sized and replace(sized, statistics=model.HALF_STATISTICS if halves else model.IMAGENET_STATISTICS)


def _missing(
    network: InspectedNetwork, architecture: str, classes: tuple[str, ...], resolution_px: float | None
) -> list[str]:
    asked = []
    if not architecture:
        plain = _published_name(network) or ("lite0" if network.plan.family is Family.LITE else "b0")
        text = _(
            "Weights do not determine padding, epsilon and normalisation: give --architecture tf_efficientnet_{name} "
            "(TensorFlow's SAME, 0.001) or --architecture efficientnet_{name} (symmetric, 0.00001), as in training."
        )
        asked.append(text.format(name=plain))
    if not classes:
        several = _(
            "The network has {count} classes without names: give --classes FILE with one name per line in the order of "
            "the logits, names separated by commas, or imagenet."
        )
        alone = _("The network has one logit: give --classes NAME, the class that it stands for.")
        asked.append((alone if network.plan.classes == 1 else several).format(count=network.plan.classes))
    if architecture and resolution_px is None:
        asked.append(_("Give --resolution, the input size that the network was trained at."))
    return asked


def _arithmetic(network: InspectedNetwork, architecture: str, epsilon: float | None) -> dict[str, Any]:
    padding = Padding.SAME if architecture.startswith("tf_") else Padding.SYMMETRIC
    if epsilon is None and network.naming is Naming.TORCHVISION and _published_name(network) in ("b5", "b6", "b7"):
        epsilon = model.TENSORFLOW_EPSILON  # torchvision's largest three use TensorFlow's epsilon
    return {"padding": padding.value} | ({} if epsilon is None else {"epsilon": epsilon})


def _store(row: dict[str, Any], network: InspectedNetwork) -> manifest.CheckpointEntry:
    """Write the tensors, then the entry, which needs the hash of the file."""
    checked = manifest.checked_entry(row | {"sha256": "0" * 64})
    path = manifest.models_folder() / checked.file
    if path.exists():
        text = _("{file} already exists but has no entry in the manifest. Move it, or give another --name.")
        raise SettingsError(text.format(file=path))
    with file_io.reporting_write_errors(path, lazy_gettext("Set EFFVIZ_MODELS to a folder that you can write to.")):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        save_file(dict(network.tensors), new, {"format": "pt"})
        new.replace(path)
    entry = replace(checked, sha256=state_dicts.hash_file(path))
    manifest.replace_entries([*manifest.own_entries(), entry])
    return entry


# The findings, as sentences.


def _about_file(saved: Unwrapped, network: InspectedNetwork) -> list[str]:
    lines = []
    if wrapper := saved.wrapper:
        lines.append(_("Wrapper removed: {name}.").format(name=wrapper))
    if averages := saved.averages:
        lines.append(_("The file also has moving averages under {name}: use --ema for those.").format(name=averages))
    if network.prefix:
        lines.append(_("Prefix removed: {prefix}").format(prefix=network.prefix))
    if network.left_out:
        lines.append(_("Left out because they lack the prefix: {names}.").format(names=", ".join(network.left_out[:3])))
    if halves := sorted(saved.kinds & {"float16", "bfloat16"}):
        lines.append(_("Half precision ({kinds}): stored as 32-bit floats.").format(kinds=", ".join(halves)))
    if not network.counters:
        lines.append(_("Batch norms have no num_batches_tracked, which evaluation does not need."))
    return lines


def _about_network(network: InspectedNetwork, entry: manifest.CheckpointEntry) -> list[str]:
    names = _("Tensor names of {naming}; the shapes give {family}, depth {depth:g}, width {width:g}, {count} logits.")
    plan, family = network.plan, _family_words(network.plan.family)
    computing = _("Padding {padding}, epsilon {epsilon:g}; input {px} px, mean {mean}, std {std}; {output}.")
    lines = [
        names.format(naming=network.naming, family=family, depth=plan.depth, width=plan.width, count=plan.classes),
        computing.format(
            padding=entry.arithmetic.padding,
            epsilon=entry.arithmetic.epsilon,
            px=entry.resolution_px,
            mean=entry.mean,
            std=entry.std,
            output=entry.arithmetic.output,
        ),
    ]
    if network.channels == 1:
        lines.append(_("One channel: photos are converted to greyscale."))
    return lines


def _family_words(family: Family) -> str:
    return "EfficientNet-Lite" if family is Family.LITE else "EfficientNet"


def read_classes(text: str) -> tuple[str, ...]:
    """Return class names from a file with one per line (or a JSON list), "imagenet", or a comma-separated list.

    Raises:
        SettingsError: the text names a file that cannot be read.
    """
    if text.strip().lower() == "imagenet":
        return imagenet_classes.names()
    path = Path(text)
    if not path.is_file() and path.suffix not in (".txt", ".json", ".csv", ".names"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        content = file_io.read_regular(path, manifest.LARGEST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        sentence = _("The class file {file} cannot be read ({reason}). Give a text file with one name per line.")
        raise SettingsError(sentence.format(file=path, reason=getattr(error, "strerror", None) or error)) from error
    named = _names(_parsed(content)) if path.suffix == ".json" else ()
    return named or tuple(line.strip() for line in content.splitlines() if line.strip())
