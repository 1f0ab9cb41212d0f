"""Fuzz the decoder: `make fuzz`, or `python -m tests.fuzz --hours 8`; inputs that crash it are kept."""

import argparse
import hashlib
import itertools
import random
import time
from collections import Counter
from pathlib import Path

from effviz.errors import ImageError
from effviz.explain.decoding import (
    DecodeLimitError,
    DecodeLimits,
    DecodeOptions,
    DecoderCrashError,
    DecoderPool,
    DecodeTimeoutError,
)
from effviz.explain.images import ResizeCrop
from tests.fuzz import corpus

WANTED = DecodeOptions(2000, (ResizeCrop(256, 224, 3),))


def tried(pool: DecoderPool, data: bytes) -> str:
    """Decode a file and return the outcome."""
    try:
        reply = pool.ask(data, WANTED, lambda: None)
    except DecodeTimeoutError:
        return "late"
    except DecodeLimitError:
        return "dear"
    except DecoderCrashError:
        return "crash"
    except ImageError:
        return "sentence"
    assert [picture.shape[2] for picture in reply.pictures] == [3, 3]
    return "photo"


def main() -> None:
    """Fuzz, and print the outcomes every minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="where to begin; printed")
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"), help="folder for what crashes or is dear")
    asked = parser.parse_args()
    pool, found, told = DecoderPool(1, DecodeLimits()), Counter[str](), time.monotonic()
    end = told + 3600 * asked.hours
    print(f"seed {asked.seed}", flush=True)
    for number in itertools.count(asked.seed):
        data = corpus.mutant(number)
        found[outcome := tried(pool, data)] += 1
        if outcome not in ("photo", "sentence"):
            asked.found.mkdir(exist_ok=True)
            (asked.found / f"{outcome}-{hashlib.sha256(data).hexdigest()[:16]}").write_bytes(data)
        if time.monotonic() > told + 60 or time.monotonic() > end:
            told = time.monotonic()
            print(*(f"{count} {outcome}" for outcome, count in found.most_common()), sep=", ", flush=True)
        if time.monotonic() > end:
            return


if __name__ == "__main__":
    main()
