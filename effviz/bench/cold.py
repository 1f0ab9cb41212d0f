"""Times the start of a model in a fresh process: weights read and checked, engine ready for the first photo.

What is imported before (torch, timm) is not in it; OpenVINO, which the engine imports itself, is.
"""

import subprocess
import sys
import time

RUNS = 5


def starts_ms(label: str) -> list[float]:
    """Return how long each of some fresh processes took, in ms; one before them makes the network known on disk."""
    return [_start_ms(label) for _ in range(RUNS + 1)][1:]


def _start_ms(label: str) -> float:
    command = [sys.executable, "-m", "effviz.bench.cold", label]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def start(label: str) -> float:
    """Do it in this process, and return the ms."""
    from effviz.explain.engines import choose
    from effviz.zoo import catalogue
    from effviz.zoo.loading import load, set_aside

    started = time.perf_counter()
    set_aside()  # as the app does
    choose(load(catalogue.parse(label)))
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    sys.stdout.write(str(start(sys.argv[1])))
