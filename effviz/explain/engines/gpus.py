"""Whether this machine has a GPU that torch can use: seen from files, since importing torch takes seconds."""

import os
import platform
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from effviz.explain.engines.engine import EngineName

# What the drivers of NVIDIA, of NVIDIA in Windows' Linux, and of AMD bring.
DEVICES: Final = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))
WINDOWS_DRIVER: Final = Path("System32/nvcuda.dll")  # in the folder of Windows

_BUILT_FOR = re.compile(r"^(?:cuda|hip)\b[^=]*=\s*['\"]", re.MULTILINE)  # in torch/version.py; None in a build for CPUs


def present() -> list[EngineName]:
    """Return the GPUs that torch finds here; torch is imported only where there may be one."""
    if not any(map(_may_have, (EngineName.CUDA, EngineName.MPS))):
        return []
    import torch

    there = {EngineName.CUDA: torch.cuda.is_available(), EngineName.MPS: torch.backends.mps.is_available()}
    return [name for name, found in there.items() if found]


def _may_have(name: EngineName) -> bool:
    if name is EngineName.MPS:
        return _version_file() is not None and (platform.system(), platform.machine()) == ("Darwin", "arm64")
    return _has_device() and _is_built_for_gpus()


def _has_device() -> bool:
    windows = os.environ.get("SYSTEMROOT") if platform.system() == "Windows" else None
    return (Path(windows) / WINDOWS_DRIVER).exists() if windows else any(device.exists() for device in DEVICES)


def _is_built_for_gpus() -> bool:
    file = _version_file()
    return file is not None and bool(_BUILT_FOR.search(file.read_text(encoding="utf-8")))


def _version_file() -> Path | None:
    found = find_spec("torch")  # imports nothing
    file = Path(found.origin).with_name("version.py") if found is not None and found.origin else None
    return file if file is not None and file.is_file() else None
