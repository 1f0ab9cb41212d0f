"""How EfficientNets were trained: what section 5.2 of the paper prints, and what only the official code says."""

from dataclasses import dataclass
from functools import cache

from effviz.errors import SettingsError
from effviz.facts.paper import PaperVersion
from effviz.facts.tables import rows
from effviz.words import _

# What earlier versions print otherwise than v5; "" where they say nothing. Drop connect 0.2 is survival 0.8.
_EARLIER = {
    ("survival", PaperVersion.V1): "drop connect 0.3, in v2 0.2",
    ("held_out", PaperVersion.V3): "",
    ("held_out", PaperVersion.V1): "",
}


@dataclass(frozen=True, slots=True)
class TrainingFact:
    """One setting of the training, as text; "" where that side says nothing."""

    key: str
    paper: str  # of v5
    code: str  # of tensorflow/tpu
    source: str

    @property
    def printed(self) -> float:
        """The paper's number."""
        return float(self.paper)

    def printed_in(self, version: PaperVersion) -> str:
        """What a version of the paper prints; "" if nothing."""
        return _EARLIER.get((self.key, version), self.paper)

    @property
    def coded(self) -> float:
        """The official code's number."""
        return float(self.code)


@cache
def training_facts() -> tuple[TrainingFact, ...]:
    """Every setting, in the order of the table."""
    return tuple(TrainingFact(row["key"], row["paper"], row["code"], row["source"]) for row in rows("training"))


def training_fact(key: str) -> TrainingFact:
    """One setting by its key.

    Raises:
        SettingsError: there is no such setting; pick one of `training_facts()`.
    """
    for fact in training_facts():
        if fact.key == key:
            return fact
    raise SettingsError(
        _("There is no training setting {key!r}: the settings are {known}. Pick one of them.").format(
            key=key, known=", ".join(fact.key for fact in training_facts())
        )
    )
