"""OpenVINO without its usage statistics: the only place that imports it.

`import openvino` alone sends an event to Intel's statistics server unless the package `openvino_telemetry` is missing.
So Python is told that it is missing, and OpenVINO takes the stub that it brings along for that case.
"""

import sys
from functools import cache
from typing import Any

TELEMETRY = "openvino_telemetry"


def openvino() -> Any:
    """Return the openvino package, which has no types.

    Raises:
        ImportError: it is not installed.
    """
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # what `import` takes for "not there"
    import openvino as package

    return package


@cache
def core() -> Any:
    """Return the process's one Core, which threads may share.

    Each Core that compiles gives its thread another stack for signals, and takes it back at its own end: where
    a second one outlives the first, the next Ctrl-C finds neither and ends the process with a segmentation fault.
    """
    return openvino().Core()
