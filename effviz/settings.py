"""Every EFFVIZ_* variable: its meaning, what is allowed, and its value now; no other module reads them.

A variable that is unset or empty has its default. The folders that EffViz reads and writes follow from them.
"""

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from effviz.errors import SettingsError
from effviz.i18n import _, lazy_gettext

T = TypeVar("T")
_PACKAGE: Final = Path(__file__).parent
_IN_WHEEL: Final = _PACKAGE / "shipped"  # made by setup.py; does not exist in a clone
IS_CLONE: Final = not _IN_WHEEL.is_dir()
SHIPPED: Final = _PACKAGE.parent if IS_CLONE else _IN_WHEEL  # has `assets`, `models`, `docs/study` and `.streamlit`
# Streamlit looks for pages in the folder of its script, so the installed script is beside the package.
APP_SCRIPT: Final = _PACKAGE.parent / ("app.py" if IS_CLONE else "effviz_app.py")
LEAST_MB: Final = 64
DEFAULT_MB: Final = 2048
AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class EnvironmentVariable(Generic[T]):
    """A setting that is read from the environment."""

    name: str
    meaning: str
    allowed: str  # marked for translation; follows "it must be"
    parse: Callable[[str], T]  # raises ValueError if the text is not allowed
    default: Callable[[], T]
    unset: str = ""  # in words: what None as the default stands for

    def value(self) -> T:
        """Return its value, or its default if it is unset; raises SettingsError if its text is not allowed."""
        given = os.environ.get(self.name, "").strip()
        if not given:
            return self.default()
        try:
            return self.parse(given)
        except ValueError as error:
            text = _("{setting} is {text!r}: it must be {allowed}. Correct it, or leave it out.")
            raise SettingsError(text.format(setting=self.name, text=given, allowed=_(self.allowed))) from error

    @property
    def is_set(self) -> bool:
        """Whether the environment sets it."""
        return bool(os.environ.get(self.name, "").strip())


def _engine(text: str) -> str:
    return _checked(text.lower(), text.lower() in ENGINES)


def _megabytes(text: str) -> int:
    return int(_checked(text, bool(re.fullmatch("[0-9]{1,12}", text)) and int(text) >= LEAST_MB))


def _yes_or_no(text: str) -> bool:
    return _checked(text, text in ("0", "1")) == "1"


def _above_zero(text: str) -> float:
    return _checked(float(text), 0 < float(text) < math.inf)


def _checked(value: T, allowed: bool) -> T:
    if not allowed:
        raise ValueError(value)
    return value


def user_folder() -> Path:
    """Return the system's folder for a user's own files; it may not exist yet."""
    import platformdirs  # here, because only an installed EffViz needs it

    return platformdirs.user_data_path("effviz", appauthor=False)


def _models_default() -> Path:
    return SHIPPED / "models" if IS_CLONE else user_folder() / "models"


def _runs_default() -> Path:
    return Path("runs") if IS_CLONE else user_folder() / "runs"


ENGINES: Final = (AUTO, "openvino", "torch", "cuda", "mps")

ENGINE: Final = EnvironmentVariable(
    "EFFVIZ_ENGINE",
    "what runs the networks; auto uses a GPU if torch finds one, else OpenVINO",
    ", ".join(ENGINES),
    _engine,
    lambda: AUTO,
)
MEMORY_MB: Final = EnvironmentVariable(
    "EFFVIZ_MEMORY_MB",
    "how many megabytes caches, visitors' files and running work may use",
    lazy_gettext("a whole number of megabytes, at least {least}", least=LEAST_MB),
    _megabytes,
    lambda: DEFAULT_MB,
)
MODELS: Final = EnvironmentVariable(
    "EFFVIZ_MODELS", "the folder of your own models, with manifest.json", "", Path, _models_default
)
RUNS: Final = EnvironmentVariable(
    "EFFVIZ_RUNS", "the folder of the runs that the Evaluate page lists", "", Path, _runs_default
)
PHOTOS: Final[EnvironmentVariable[Path | None]] = EnvironmentVariable(
    "EFFVIZ_PHOTOS",
    "a folder with a run's photos; the Evaluate page shows them to anyone who opens it",
    "",
    Path,
    lambda: None,
    "none",
)
PUBLIC: Final[EnvironmentVariable[bool | None]] = EnvironmentVariable(
    "EFFVIZ_PUBLIC",
    "whether strangers may use this server: if so, turns are limited",
    lazy_gettext("1 (strangers may use this server) or 0"),
    _yes_or_no,
    lambda: None,
    "yes, unless the server is reachable only from this machine",
)
TURN_LIMIT: Final[EnvironmentVariable[float | None]] = EnvironmentVariable(
    "EFFVIZ_TURN_LIMIT",
    "the most that one piece of work may cost, in forward passes of B4 at 380 px",
    lazy_gettext("a number above 0"),
    _above_zero,
    lambda: None,
    "16 if strangers may use this server, else none",
)

FETCH: Final = EnvironmentVariable(
    "EFFVIZ_FETCH",
    "whether visitors of the Compare page may make this server fetch weights from the Hugging Face hub",
    lazy_gettext("1 (weights may be fetched) or 0"),
    _yes_or_no,
    lambda: False,
)

ALL: Final = (ENGINE, MEMORY_MB, MODELS, RUNS, PHOTOS, PUBLIC, TURN_LIMIT, FETCH)
FOLDERS: Final = (MODELS, RUNS, PHOTOS)


def fix_folders() -> None:
    """Make relative folders in the environment absolute, before the working directory changes."""
    for folder in FOLDERS:
        if folder.is_set and (path := folder.value()):
            os.environ[folder.name] = str(path.absolute())


def model_folders() -> tuple[Path, ...]:
    """Return the folders of models: the user's own, then the shipped one; only EFFVIZ_MODELS if it is set."""
    own, shipped = MODELS.value(), SHIPPED / "models"
    return (own,) if MODELS.is_set or own == shipped else (own, shipped)


def budget_bytes(share: float) -> int:
    """Return a share of EFFVIZ_MEMORY_MB in bytes; raises SettingsError if its text is not allowed."""
    return int(share * MEMORY_MB.value() * 2**20)
