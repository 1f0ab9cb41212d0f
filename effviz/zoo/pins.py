"""Which file a name of the hub's cache meant when it was first read: another one in its place is not used.

The cache names files by their own hashes, so a link that leads to the file of another network of the same shapes would
not be noticed: its maps would be another network's.
"""

import hashlib
import re
from pathlib import Path

from effviz import store
from effviz.errors import WeightsError
from effviz.words import _


def check(name: str, sha256: str) -> None:
    """Compare a file's hash with the one that was first read under a name and revision, or note it.

    Raises:
        WeightsError: it is another file.
    """
    pin = folder() / hashlib.sha256(name.encode()).hexdigest()[:32]
    known = _read(pin)
    if known == sha256:
        return
    if known:
        raise WeightsError(
            _(
                "The weights of {name} are another file (sha256 {found}...) than the one first read here ({known}...): "
                "a file in the cache was exchanged. Remove them from the cache and fetch them again; to keep the new "
                "ones, remove {pin}."
            ).format(name=name, found=sha256[:12], known=known[:12], pin=pin.name)
        )
    try:
        pin.parent.mkdir(parents=True, exist_ok=True)
        pin.write_text(sha256, encoding="ascii")
    except OSError:  # nowhere to note it
        return


def folder() -> Path:
    """Where hashes are noted, one small file a name."""
    return store.folder() / "pins"


def _read(pin: Path) -> str:
    """The hash that was noted; empty when there is none, or it is damaged and is noted again."""
    try:
        text = pin.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
    return text if re.fullmatch(r"[0-9a-f]{64}", text) else ""
