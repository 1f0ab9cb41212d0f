"""From a plan to maps: which networks stand for it in a comparison, and the buttons that put them there."""

import math
from dataclasses import dataclass
from typing import Final

import streamlit as st

from effviz.errors import EffVizError
from effviz.i18n import _, lazy_gettext
from effviz.scaling import Plan, ScalingMethod
from effviz.ui.session import MODELS, MOST_MODELS
from effviz.zoo import catalogue, hub
from effviz.zoo.model import ModelRef
from effviz.zoo.presets import ScalingAxis, mini_family

COMPARE: Final = "effviz/ui/pages/compare.py"

UNTRAINED: Final = lazy_gettext("This network: untrained, its maps mean nothing")
NEAREST: Final = lazy_gettext("The nearest published one with weights here, by MACs")
MINI: Final = lazy_gettext("A small network scaled the same way, trained here on ten classes")


@dataclass(frozen=True, slots=True)
class ComparisonCandidate:
    """A network that may join the comparison."""

    ref: ModelRef
    why: str  # for `_`: how it stands for the plan


def candidates(network: Plan, method: ScalingMethod) -> list[ComparisonCandidate]:
    """The network itself, the nearest published one whose weights are here, and the mini network of that scaling.

    Raises:
        SettingsError: the network costs more than any published one.
        WeightsError: the manifest of `models/` cannot be read.
    """
    spec = catalogue.scaled_model(network.depth, network.width, network.resolution, network.family)
    itself = catalogue.at_resolution(spec, network.resolution)
    found = [ComparisonCandidate(itself, UNTRAINED if not spec.trained else MINI)]
    if (near := nearest_published(network)) is not None:
        found.append(ComparisonCandidate(near, NEAREST))
    same = mini_axis(network, method)
    small = [mini.entry for mini in mini_family() if mini.role is same]
    return found + [ComparisonCandidate(catalogue.parse_model(entry.name), MINI) for entry in small]


def nearest_published(network: Plan) -> ModelRef | None:
    """Of those with weights here the one whose ratio of MACs is least; of the same family where there is one."""
    specs = [spec for spec in map(catalogue.find_model, catalogue.NAMES) if hub.availability(spec).available]
    same = [spec for spec in specs if spec.family is network.family]
    refs = [ModelRef(spec, spec.resolution_px) for spec in same or specs]
    return min(refs, key=lambda ref: abs(math.log(ref.macs / network.macs)), default=None)


def mini_axis(network: Plan, method: ScalingMethod) -> ScalingAxis:
    """Which network of the mini family is scaled as this one is."""
    if (network.depth, network.width, network.resolution) == (1.0, 1.0, 224):
        return ScalingAxis.BASELINE
    return ScalingAxis(method.value)


def offer(network: Plan, method: ScalingMethod, key: str) -> None:
    """A button for each of them, which opens Compare."""
    try:
        found = candidates(network, method)
    except EffVizError as error:
        st.info(str(error), icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"offer-{key}"):
        st.markdown(_("**Compare this network:**"), width="content")
        for number, each in enumerate(found):
            asked = st.button(
                each.ref.label, key=f"compare-{key}-{number}", icon=":material/grid_view:", help=_(each.why)
            )
            if asked and join(each.ref.label):
                # Without them, Streamlit refuses to clear an address that widgets of this page are bound to.
                st.switch_page(COMPARE, query_params={})


def join(label: str) -> bool:
    """Put a model into the comparison and say what happened; tell whether it is there now."""
    present = label in MODELS.get()
    full = not present and len(MODELS.get()) >= MOST_MODELS
    if full:
        said = _("A comparison holds {most} models: remove one first.").format(most=MOST_MODELS)
    elif present:
        said = _("{label} is in the comparison already.").format(label=label)
    else:
        MODELS.put((*MODELS.get(), label))
        said = _("{label} joined the comparison.").format(label=label)
    st.toast(said)
    return not full
