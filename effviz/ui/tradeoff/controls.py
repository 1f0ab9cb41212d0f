"""Widgets of the Trade-off page: what accuracy is paid with, whose numbers are shown, and phi."""

from collections.abc import Sequence

import streamlit as st

from effviz.facts import RECIPES, NetworkFamily, PaperVersion, Recipe
from effviz.plots.points import Cost
from effviz.ui import choices
from effviz.ui.guard import guard
from effviz.ui.state import MODELS, MOST_MODELS, PHI, PHI_LEAST, PHI_MOST, PHI_STEP
from effviz.words import _, later
from effviz.zoo import catalogue
from effviz.zoo.model import ModelRef

# Keys of widgets; each is also the name in the address, except that of phi, which `PHI` keeps there.
COST, VERSION, RECIPE_TITLES, FAMILY_LABELS = "cost", "paper", "recipes", "families"
PHI_SLIDER = "tradeoff-phi"

_NAMES: dict[str, str] = {
    Cost.PARAMS: later("Params"),
    Cost.MACS: later("MACs"),
}  # versions of the paper have no others
_RECIPES = {known.title: known for known in RECIPES}
_FAMILIES = {family.label: family for family in NetworkFamily if family is not NetworkFamily.EFFICIENTNET}


def first_row() -> tuple[Cost, PaperVersion, float]:
    """The cost, the version of the paper, and the phi of the marked network."""
    left, right = st.columns(2)
    with left.container(horizontal=True):
        cost = _choice(_("Cost"), Cost.MACS, COST)
        version = _choice(
            _("Version of the paper"),
            PaperVersion.V5,
            VERSION,
            _("EfficientNet's accuracies changed between versions; parameters and FLOPs did not."),
        )
    st.session_state[PHI_SLIDER] = PHI.get()
    label = _("φ of the marked network")
    phi = right.slider(label, PHI_LEAST, PHI_MOST, step=PHI_STEP, key=PHI_SLIDER, on_change=_moved)
    return Cost(cost), PaperVersion(version), phi


def _choice(label: str, default: Cost | PaperVersion, key: str, words: str | None = None) -> str:
    """One of the few values of a choice."""
    names = {str(option): _(_NAMES.get(option, option)) for option in type(default)}
    return choices.one(label, names, key, str(default), words)


def _moved() -> None:
    PHI.put(st.session_state[PHI_SLIDER])


def second_row() -> tuple[tuple[Recipe, ...], tuple[NetworkFamily, ...]]:
    """Whose measured networks are shown: EfficientNets by recipe, and other families."""
    left, right = st.columns(2)
    titles = left.multiselect(
        _("EfficientNets measured by timm, by recipe of training"),
        list(_RECIPES),
        default=[RECIPES[0].title],
        key=RECIPE_TITLES,
        bind="query-params",
        placeholder=_("Choose recipes"),
        wrap=True,
    )
    labels = right.multiselect(
        _("Other families measured by timm"),
        list(_FAMILIES),
        key=FAMILY_LABELS,
        bind="query-params",
        placeholder=_("Choose families"),
        wrap=True,
    )
    return tuple(_RECIPES[title] for title in titles), tuple(_FAMILIES[label] for label in labels)


def refs() -> tuple[ModelRef, ...]:
    """The models of the comparison, each once; one that does not exist leaves its sentence and nothing else."""
    found: dict[str, ModelRef] = {}
    for label in MODELS.get()[:MOST_MODELS]:
        with guard():
            ref = catalogue.parse(label)
            found[ref.label] = ref
    return tuple(found.values())


def mixing(recipes: Sequence[Recipe], families: Sequence[NetworkFamily]) -> str:
    """The warning that a figure of these needs; "" when one recipe made all of them.

    The paper's EfficientNets are always in the figure, and were trained with AutoAugment.
    """
    names = list(dict.fromkeys([RECIPES[0].title, *(each.title for each in recipes)]))
    names += [_("{family} (several recipes)").format(family=family.label) for family in families]
    if len(names) == 1:
        return ""
    return _(
        "These networks were trained by different recipes: {names}. A difference between two of them may "
        "come from the training and not from the scaling. Show {fair} alone to compare scaling."
    ).format(names=", ".join(names), fair=RECIPES[0].title)
