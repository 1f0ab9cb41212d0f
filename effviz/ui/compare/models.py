"""Choose models: a ready comparison, or any list of them."""

from collections.abc import Sequence

import streamlit as st

from effviz.ui.compare.cells import Entrant
from effviz.ui.guard import guard
from effviz.ui.state import MODELS, MOST_MODELS, SAMPLES
from effviz.words import _
from effviz.zoo import catalogue, hub
from effviz.zoo.cards import card
from effviz.zoo.model import ModelRef
from effviz.zoo.presets import Preset, presets, role

PRESET, PICKED = "preset", "picked"  # widgets that only mirror MODELS


def choose() -> tuple[Entrant, ...]:
    """Show the choice of models and return those that exist, in order and each once.

    One that does not exist leaves the choice, and its sentence where it stood.
    """
    left, right = st.columns([1, 2])
    with st.container():
        refs = _exist(MODELS.get())
    MODELS.put(tuple(ref.label for ref in refs))
    known = presets()
    preset = matching(MODELS.get(), known)
    st.session_state[PRESET] = preset.name
    st.session_state[PICKED] = list(MODELS.get())
    titles = {each.name: _title(each) for each in known}
    left.selectbox(_("Comparison"), titles, format_func=titles.__getitem__, key=PRESET, on_change=_preset)
    offered = _offered(refs)
    right.multiselect(
        _("Models"),
        list(offered),
        format_func=lambda label: offered.get(label, label),  # one that is typed in is in no list
        key=PICKED,
        on_change=_picked,
        accept_new_options=True,
        max_selections=MOST_MODELS,
        placeholder=_("Choose models, or type one such as lite0@320"),
        help=_(
            "NAME@PIXELS, or NAME:RECIPE@PIXELS for other weights, such as b0:ns_jft_in1k@224. "
            "scaled-d1.4-w1.2@300 builds any scaled B0, without training."
        ),
    )
    st.caption(_(preset.summary))
    return tuple(_entrant(ref, preset, refs[:place]) for place, ref in enumerate(refs))


def ready(entrants: Sequence[Entrant]) -> list[Entrant]:
    """Those whose weights are here; for the others one sentence says how to get them."""
    for sentence in hub.missing([entrant.card.ref.spec for entrant in entrants]):
        st.info(sentence, icon=":material/download:")
    return [entrant for entrant in entrants if entrant.card.availability.available]


def _title(preset: Preset) -> str:
    if all(_here(ref) for ref in preset.refs):
        return _(preset.title)
    return _("{comparison} (not all weights here)").format(comparison=_(preset.title))


def _offered(refs: Sequence[ModelRef]) -> dict[str, str]:
    """The chosen models, every model at its own size, then other recipes of its weights, each with its option's text.

    Those that can run at once stand first.
    """
    others = [catalogue.find(name, recipe) for name in catalogue.NAMES for recipe in catalogue.recipes(name)[1:]]
    known = [ModelRef(spec, spec.resolution_px) for spec in (*catalogue.catalogue(), *others)]
    absent = _("{model} (weights not here)")
    texts = {ref.label: ref.label if _here(ref) else absent.format(model=ref.label) for ref in (*refs, *known)}
    return dict(sorted(texts.items(), key=lambda item: item[0] != item[1]))


def _here(ref: ModelRef) -> bool:
    """Whether a model's weights are on this machine: a look at its file, nothing is loaded."""
    return hub.availability(ref.spec).available


def _preset() -> None:
    chosen = next(each for each in presets() if each.name == st.session_state[PRESET])
    if chosen.refs:
        take(chosen)


def take(preset: Preset) -> None:
    """Choose a preset's models, and its photo where it has one."""
    MODELS.put(labels(preset))
    if preset.sample:
        SAMPLES.put((preset.sample,))


def _picked() -> None:
    MODELS.put(tuple(st.session_state[PICKED]))


def matching(names: tuple[str, ...], known: Sequence[Preset]) -> Preset:
    """The preset that has these models, else the one without any."""
    return next((preset for preset in known if labels(preset) == names), known[-1])


def labels(preset: Preset) -> tuple[str, ...]:
    """The short names of a preset's models."""
    return tuple(ref.label for ref in preset.refs)


def _entrant(ref: ModelRef, preset: Preset, before: Sequence[ModelRef]) -> Entrant:
    """A model with its role: the preset's, else what differs from the first model, else from another one before it."""
    against = [(role(ref, other), other.label if place else "") for place, other in enumerate(before or [ref])]
    for known, part, words in zip(preset.refs, preset.roles, preset.words, strict=True):
        if known.label == ref.label:
            beside = next((label for found, label in against if found is part), "")
            return Entrant(card(ref), part, beside, words)
    for found, label in against:
        if found is not None:
            return Entrant(card(ref), found, label, "")
    return Entrant(card(ref), None, "", "")


def _exist(names: tuple[str, ...]) -> tuple[ModelRef, ...]:
    refs: dict[str, ModelRef] = {}
    for name in names[:MOST_MODELS]:
        with guard():
            ref = catalogue.parse(name)
            refs[ref.label] = ref
    return tuple(refs.values())
