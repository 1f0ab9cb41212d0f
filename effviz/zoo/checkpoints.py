"""Checkpoints of `models/`, opened only if path, hash, content and shapes match the manifest.

Files saved by torch are read by torch once, then kept as safetensors in the cache.
"""

import io
import logging
import os
import pickletools
import struct
import tempfile
import zipfile
import zlib
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import safetensors
from safetensors.numpy import save_file

from effviz import file_io
from effviz.errors import SettingsError, WeightsError
from effviz.i18n import _
from effviz.scaling import plan
from effviz.zoo import manifest, state_dicts, weights_inspection
from effviz.zoo.state_dicts import Array, Tensors

if TYPE_CHECKING:
    import torch

# Keys under which timm, Lightning and others store a state dict.
WRAPPERS: Final = ("state_dict_ema", "model_ema", "ema_state_dict", "state_dict", "model_state_dict", "model", "net")
TORCH_ERRORS: Final = (*state_dicts.UNREADABLE, zipfile.BadZipFile, RuntimeError)
T = TypeVar("T")
logger = logging.getLogger(__name__)


def _read_pickle(path: Path, sha256: str, most_bytes: int) -> Tensors:
    """Read a state dict, plain or in a wrapper, from a file with a checked hash, without running code in it."""
    if (tensors := _cached(sha256)) is not None:
        return tensors
    _check_unpacked(path, most_bytes)
    tensors = _arrays(path, _unwrapped(_torch_load(path)), most_bytes)
    try:
        _keep(tensors, sha256)
    except OSError as error:
        logger.warning("The tensors of %s cannot be kept (%s); torch reads them again next time.", path.name, error)
    return tensors


def tensor_cache_folder() -> Path:
    """Return the folder of cached tensors; files are named by the hash of their source and their own hash."""
    return file_io.cache_folder() / "weights"


def _cached(sha256: str) -> Tensors | None:
    for file in tensor_cache_folder().glob(f"{sha256}-*.safetensors"):
        try:
            if file.stem.endswith(f"-{state_dicts.hash_file(file)}"):
                return state_dicts.read_safetensors(file)
        except WeightsError as error:
            logger.debug("%s", error)
        logger.warning("The kept tensors %s are damaged; torch reads them again.", file.name)
        file.unlink(missing_ok=True)
    return None


def _keep(tensors: Tensors, sha256: str) -> None:
    tensor_cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=tensor_cache_folder()) as folder:
        new = Path(folder) / "weights.safetensors"
        save_file(dict(tensors), new)
        os.replace(new, tensor_cache_folder() / f"{sha256}-{state_dicts.hash_file(new)}.safetensors")


def _of_zip(path: Path, read: Callable[[zipfile.ZipFile], T], otherwise: T) -> T:
    """Return what `read` finds in a zip; `otherwise` if the file is damaged or no zip, as before torch 1.6."""
    try:
        with zipfile.ZipFile(path) as parts:
            return read(parts)
    except NotImplementedError as error:  # a newer zip, whose parts cannot be measured, but torch would unpack it
        raise state_dicts.damaged_file_error(path) from error
    except (zipfile.BadZipFile, RuntimeError, ValueError, LookupError, EOFError, struct.error, zlib.error, OSError):
        return otherwise


def _check_unpacked(path: Path, most_bytes: int) -> None:
    """Check a zip's unpacked size before torch unpacks it, which for zeros can be a thousandfold."""
    unpacked = _of_zip(path, lambda parts: sum(part.file_size for part in parts.infolist()), 0)
    if (size := max(path.stat().st_size, unpacked)) > most_bytes:
        raise _too_large(path, size, most_bytes)


def _too_large(path: Path, size: int, most_bytes: int) -> WeightsError:
    text = _(
        "The weights file {name} unpacks to {size} MB, but the network and its training state need at most {most} MB. "
        "Get the right file, or save only the state dict."
    )
    return WeightsError(text.format(name=path.name, size=size // 2**20, most=most_bytes // 2**20))


def _torch_load(path: Path) -> object:
    try:
        import torch
    except ImportError as error:
        text = _(
            "{name} was saved by torch, which is not installed; without it, EffViz reads only safetensors files. "
            "Install torch, or save the weights again with safetensors."
        )
        raise SettingsError(text.format(name=path.name)) from error
    try:
        with torch.serialization.safe_globals([Namespace]):  # timm stores its arguments in one; it only holds values
            return torch.load(path, map_location="cpu", weights_only=True)
    except TORCH_ERRORS as error:
        raise _unreadable(path) from error


def _arrays(path: Path, tensors: object, most_bytes: int) -> Tensors:
    if not isinstance(tensors, dict) or not tensors or not all(map(_is_array, tensors.values())):
        raise state_dicts.refused_file_error(path, _("contains something else"))
    if (size := sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())) > most_bytes:
        raise _too_large(path, size, most_bytes)  # an expanded tensor takes no memory until it is copied
    return {str(name): _array(tensor) for name, tensor in tensors.items()}


# Files without a manifest entry yet: metadata beside the tensors is kept, and errors say what the file is instead.

KERAS_BEGINNING: Final = b"\x89HDF\r\n"
ONE_NETWORK_AND_MORE: Final = 2  # times the file size, the limit of its unpacked content


def open_weights(path: Path, ema: bool = False) -> weights_inspection.Unwrapped:
    """Read any safetensors file or torch checkpoint, with tensors as arrays, without running code in it.

    Raises:
        WeightsError: the file contains something else, such as code, or is damaged.
        SettingsError: torch saved the file but is not installed.
    """
    sha256 = state_dicts.hash_file(path)
    with file_io.open_regular(path) as file:
        beginning = file.read(9)
    if beginning.startswith(KERAS_BEGINNING) or path.suffix == ".keras":
        raise _keras(path)
    if beginning[8:] == b"{" or path.suffix == ".safetensors":
        return _open_safetensors(path, ema, sha256)
    most_bytes = ONE_NETWORK_AND_MORE * path.stat().st_size + OTHER_BYTES
    _check_unpacked(path, most_bytes)
    content = _torch_load(path)
    unwrapped = weights_inspection.unwrap(content if isinstance(content, dict) else {}, ema)
    arrays = _arrays(path, unwrapped.tensors, most_bytes)
    kinds = {str(tensor.dtype).rpartition(".")[2] for tensor in unwrapped.tensors.values()}
    return replace(unwrapped, tensors=arrays, kinds=frozenset(kinds), sha256=sha256)


_HALVES: Final = {"F16": "float16", "BF16": "bfloat16"}


def _open_safetensors(path: Path, ema: bool, sha256: str) -> weights_inspection.Unwrapped:
    tensors = state_dicts.read_safetensors(path)
    unwrapped = weights_inspection.unwrap(tensors, ema)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = dict(file.metadata() or {})
        kinds = {file.get_slice(name).get_dtype() for name in tensors}
    named = frozenset(_HALVES[kind] for kind in kinds if kind in _HALVES)
    return replace(unwrapped, beside=metadata, kinds=named, sha256=sha256)


def _unreadable(path: Path) -> WeightsError:
    """Return the error for a file that torch cannot read without running its code, with how to save it correctly."""
    names = _pickled_names(path)
    odd = [name for name in names if name.partition(".")[0] not in ("torch", "collections", "argparse")]
    scripted = _of_zip(path, lambda parts: bool(_ending_in(parts, "/constants.pkl")), False)
    if scripted or any(name.startswith("__torch__") for name in names):
        return _holds_code(path, _("is a TorchScript program"), 'torch.jit.load("{name}").state_dict()')
    if any(name.startswith("torch.nn.") for name in names):
        what = _("is a whole pickled model, which contains code")
        return _holds_code(path, what, 'torch.load("{name}", weights_only=False).state_dict()')
    if odd:
        what = _("contains code ({what}) besides its tensors").format(what=odd[0][:80])
        return _holds_code(path, what, 'torch.load("{name}", weights_only=False)["state_dict"]')
    return state_dicts.damaged_file_error(path)


def _ending_in(parts: zipfile.ZipFile, ending: str) -> list[str]:
    return [name for name in parts.namelist() if name.endswith(ending)]


def _holds_code(path: Path, what: str, weights: str) -> WeightsError:
    text = _(
        "The weights file {name} {what}. EffViz reads only safetensors files and plain state dicts of tensors: if you "
        "trust the file, run `{line}` and use the result."
    )
    line = f'torch.save({weights.format(name=path.name)}, "weights.pth")'
    return WeightsError(text.format(name=path.name, what=what, line=line))


def _keras(path: Path) -> WeightsError:
    text = _(
        "The weights file {name} was saved by Keras. EffViz reads only safetensors files and plain state dicts of "
        "tensors: copy the weights into timm's tf_efficientnet of the same size and save that."
    )
    return WeightsError(text.format(name=path.name))


def _pickled_names(path: Path) -> list[str]:
    """Return the classes and functions that a file's pickles name, without loading any of them."""
    inside = _of_zip(path, lambda parts: parts.read(_ending_in(parts, "/data.pkl")[0]), b"")
    data = io.BytesIO(inside or path.read_bytes())
    names: list[str] = []
    with suppress(ValueError, LookupError, AttributeError, OverflowError):  # the end, or not a pickle
        for _number in range(PICKLES):
            names += _named_in(data)
    return names


PICKLES: Final = 5  # in a row in files of torch before 1.6, followed by the numbers


def _named_in(data: io.BytesIO) -> Iterator[str]:
    texts: list[str] = []
    for operation, argument, _place in pickletools.genops(data):
        if operation.name == "GLOBAL":
            yield str(argument).replace(" ", ".")
        elif operation.name == "STACK_GLOBAL":
            yield ".".join(texts[-2:])
        elif isinstance(argument, str):
            texts.append(argument)


def _unwrapped(content: object) -> object:
    """Return the state dict inside a training checkpoint; like timm, prefer moving averages."""
    if not isinstance(content, dict):
        return content
    return next((content[key] for key in WRAPPERS if isinstance(content.get(key), dict)), content)


def _is_array(value: object) -> bool:
    """Return whether a value is a dense tensor of real numbers in memory; files may contain other kinds."""
    import torch

    return (
        isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not (value.is_nested or value.is_quantized or value.is_complex())
    )


def _array(tensor: "torch.Tensor") -> Array:
    """Return a copy of the tensor's numbers, without gradients."""
    plain = tensor.detach().resolve_neg()
    return np.array((plain.float() if plain.is_floating_point() else plain).numpy())


SUFFIXES = (".safetensors", ".pth", ".pt")

# A training checkpoint holds weights, their moving average and two gradient moments, at most in double precision.
BYTES_A_PARAMETER: Final = 4 * 8
OTHER_BYTES: Final = 2**26


def load(name: str) -> tuple[Tensors, str]:
    """Return a checkpoint's tensors and the sha256 of its file.

    Raises:
        WeightsError: the file is outside the folder, missing, too large, has another hash or contains code.
        SettingsError: torch saved the file, is not installed, and the cache does not have the tensors.
    """
    entry = manifest.find_entry(name)
    if entry is None:
        text = _("{name} is not in {file}. EffViz loads only checkpoints listed there: add it.")
        raise WeightsError(text.format(name=name, file=manifest.models_folder() / "manifest.json"))
    path = _checked_path(entry)
    sha256 = state_dicts.check_sha256(path, entry.sha256)
    if path.suffix == ".safetensors":
        return state_dicts.read_safetensors(path), sha256
    params = plan(entry.depth, entry.width, entry.resolution_px, entry.family, len(entry.classes)).params
    return _read_pickle(path, sha256, BYTES_A_PARAMETER * params + OTHER_BYTES), sha256


def _checked_path(entry: manifest.CheckpointEntry) -> Path:
    folder = manifest.folder_of(entry).resolve()
    path = (folder / entry.file).resolve()  # follow links first: the target must be in the folder
    if not path.is_relative_to(folder) or path.suffix not in SUFFIXES:
        text = _(
            "The file {file!r} of the checkpoint {name} must be in {folder}/ and end in {suffixes}. Move it there and "
            "correct the manifest."
        )
        ends = ", ".join(SUFFIXES)
        raise WeightsError(text.format(name=entry.name, file=entry.file, folder=folder.name, suffixes=ends))
    return path
