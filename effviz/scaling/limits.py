"""What can be asked for: ranges of every number a user can set."""

from typing import NamedTuple

from effviz.errors import SettingsError


class Limit(NamedTuple):
    """A closed range with the name that people read."""

    name: str
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
                f"The {self.name} {value:g}{self.unit} is out of range: {self.low:g} to {self.high:g}{self.unit} "
                f"is allowed. Choose a {self.name} in that range."
            )


DEPTH = Limit("depth", 0.1, 100)
WIDTH = Limit("width", 0.1, 20)
RESOLUTION = Limit("resolution", 32, 2048, " px")  # below 32 px the last map would be smaller than one cell
CLASSES = Limit("number of classes", 1, 100_000)
PHI = Limit("phi", -20, 20)
BASE = Limit("base of the scaling rule", 1, 4)  # Eq. 3 asks for alpha, beta, gamma >= 1
