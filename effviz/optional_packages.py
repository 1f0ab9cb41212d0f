"""Optional packages: code that needs one calls `require` before it imports the package."""

import platform
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from typing import Final

import effviz
from effviz.errors import SettingsError
from effviz.i18n import _

TORCH: Final = ("torch", "timm")
GRAD_CAM: Final = (*TORCH, "pytorch_grad_cam", "sklearn")
ONNX: Final = ("onnx", "onnxruntime")


def require(*names: str, extra: str = "") -> None:
    """Raise SettingsError if one of these packages is missing; `extra` is the optional group that contains them."""
    if missing := [name for name in names if not _is_installed(name)]:
        optional = _("This needs {names}, which are optional: run `pip install 'effviz[{extra}]'`.")
        usual = _(
            "This needs {names}, which this installation does not include: class activation maps, plans and all "
            "pages work without it. Run `make app` without LIGHT=1, or `pip install -r requirements.txt`."
        )
        raise SettingsError((optional if extra else usual).format(names=", ".join(missing), extra=extra))


@cache
def versions(*names: str) -> Mapping[str, str]:
    """Return the versions of EffViz, Python, and those of these packages that are installed."""
    from importlib import metadata  # here, because commands start without it

    installed = {"effviz": effviz.__version__, "python": platform.python_version()}
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            installed[name] = metadata.version(name)
    return installed


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:  # an import hook forbids it
        return False
