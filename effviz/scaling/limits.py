"""What can be asked for: ranges of every number a user can set."""

from typing import NamedTuple

from effviz.errors import SettingsError
from effviz.i18n import _, lazy_gettext


class Limit(NamedTuple):
    """A closed range with the name that people read."""

    name: str  # marked for translation
    low: float
    high: float
    unit: str = ""

    def check(self, value: float) -> None:
        """Accept a value inside the range.

        Raises:
            SettingsError: the value is outside or not a number; choose one inside.
        """
        if not self.low <= value <= self.high:
            raise SettingsError(
                _(
                    "The {name} {value:g}{unit} is out of range: {low:g} to {high:g}{unit} "
                    "is allowed. Choose a {name} in that range."
                ).format(name=_(self.name), value=value, unit=self.unit, low=self.low, high=self.high)
            )


DEPTH = Limit(lazy_gettext("depth"), 0.1, 100)
WIDTH = Limit(lazy_gettext("width"), 0.1, 20)
RESOLUTION = Limit(
    lazy_gettext("resolution"), 32, 2048, " px"
)  # below 32 px the last map would be smaller than one cell
CLASSES = Limit(lazy_gettext("number of classes"), 1, 100_000)
PHI = Limit(lazy_gettext("phi"), -20, 20)
BASE = Limit(lazy_gettext("base of the scaling rule"), 1, 4)  # Eq. 3 asks for alpha, beta, gamma >= 1
