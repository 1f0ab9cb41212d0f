"""Step 2 of the paper's method: B0 to B7 as published, beside what the formula makes of a phi.

The paper never lists a phi for its networks. The phis here are a guess that a user made in tensorflow/tpu#390 and found
"no good fit"; no author confirmed it.
"""

from dataclasses import dataclass
from functools import cache

from effviz.facts.tables import rows
from effviz.scaling import PAPER_RULE, PUBLISHED, Coefficients, ImpliedPhi, Published, implied_phi

GUESS_URL = "https://github.com/tensorflow/tpu/issues/390"


@dataclass(frozen=True, slots=True)
class SecondStep:
    """One published network."""

    phi: float  # guessed by a user
    published: Published
    formula: Coefficients  # at this phi
    implied: ImpliedPhi  # the phi that each published dimension asks for
    source: str

    @property
    def name(self) -> str:
        """As people write it."""
        return self.published.name.upper()


@cache
def second_steps() -> tuple[SecondStep, ...]:
    """B0 to B7."""
    guessed = [row for row in rows("coefficients") if row["phi_guess_tpu_issue_390"]]
    return tuple(_step(row["model"], row["phi_guess_tpu_issue_390"], row["source"]) for row in guessed)


def _step(name: str, guess: object, source: str) -> SecondStep:
    phi = float(str(guess).removeprefix("~"))
    return SecondStep(phi, PUBLISHED[name], PAPER_RULE.at(phi), implied_phi(PUBLISHED[name]), source)
