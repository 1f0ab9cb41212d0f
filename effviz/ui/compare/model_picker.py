"""Choose models: a preset or any list; the phi slider and the cost chart show them in context."""

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import streamlit as st

from effviz import settings
from effviz.errors import EffVizError
from effviz.facts.paper_tables import PaperVersion
from effviz.i18n import _, lazy_gettext
from effviz.plots import accuracy_cost, style
from effviz.plots.accuracy_cost import accuracy_cost_figure
from effviz.scaling import PAPER_RULE, PUBLISHED, Family, Plan, ScalingMethod, plan
from effviz.ui import cache, outputs
from effviz.ui.compare.map_cells import Entrant
from effviz.ui.components.phi import phi_slider
from effviz.ui.components.picture import chart_menu
from effviz.ui.guard import guard
from effviz.ui.inputs import FAMILY_NAMES, choose_member
from effviz.ui.session import FAMILY, MODELS, MOST_MODELS, PHI, SAMPLES
from effviz.zoo import catalogue, hub, state_dicts
from effviz.zoo.model import IMAGENET, ModelRef, ModelSpec, WeightsOrigin
from effviz.zoo.presets import Preset, ScalingAxis, all_presets, mini_family, scaling_axis

CHART = "compare-accuracy"
PRESET, PICKED = "preset", "picked"  # widgets that mirror MODELS


def existing_models() -> tuple[ModelRef, ...]:
    """Return the chosen models without duplicates, in order; show a message for any that does not exist."""
    refs: dict[str, ModelRef] = {}
    with st.container():
        for name in MODELS.get()[:MOST_MODELS]:
            with guard():
                ref = catalogue.parse_model(name)
                refs[ref.label] = ref
    MODELS.put(tuple(refs))
    return tuple(refs.values())


def choose_models(refs: Sequence[ModelRef]) -> tuple[Entrant, ...]:
    """Show the model selection, and return the chosen models with their roles."""
    presets = all_presets()
    preset = next((preset for preset in presets if _labels(preset) == MODELS.get()), presets[-1])  # the last is empty
    st.session_state[PRESET] = preset.name
    st.session_state[PICKED] = list(MODELS.get())
    titles = {preset.name: _title(preset) for preset in presets}
    st.selectbox(_("Comparison"), titles, format_func=titles.__getitem__, key=PRESET, on_change=_preset)
    offered = _offered(refs)
    st.multiselect(
        _("Models"),
        list(offered),
        format_func=lambda label: offered.get(label, label),  # a typed name is not in the list
        key=PICKED,
        on_change=lambda: MODELS.put(tuple(st.session_state[PICKED])),
        accept_new_options=True,
        filter_mode="contains",  # fuzzy search would match b0's other recipes for "b3"
        max_selections=MOST_MODELS,
        select_all=False,  # there are many more models than a comparison can hold
        placeholder=_("Choose models, or type a name such as lite0@320"),
        help=_(
            "NAME@PIXELS, or NAME:RECIPE@PIXELS for other weights, such as b0:ns_jft_in1k@224. Names such as "
            "scaled-d1.4-w1.2@300 build any scaled B0, untrained."
        ),
    )
    st.caption(_(preset.summary))
    return tuple(_entrant(ref, preset, refs[:place]) for place, ref in enumerate(refs))


def _title(preset: Preset) -> str:
    if all(_has_weights(ref) for ref in preset.refs):
        return _(preset.title)
    return _("{comparison} (some weights missing)").format(comparison=_(preset.title))


def _offered(refs: Sequence[ModelRef]) -> dict[str, str]:
    """Return option texts for the chosen models, every model at its own size, and weights from other recipes.

    Models that can run at once come first.
    """
    others = [
        catalogue.find_model(name, recipe) for name in catalogue.NAMES for recipe in catalogue.recipe_names(name)[1:]
    ]
    listed = [ModelRef(spec, spec.resolution_px) for spec in (*catalogue.catalogue(), *others)]
    absent = _("{model} (weights missing)")
    texts = {ref.label: ref.label if _has_weights(ref) else absent.format(model=ref.label) for ref in (*refs, *listed)}
    return dict(sorted(texts.items(), key=lambda item: item[0] != item[1]))


def _has_weights(ref: ModelRef) -> bool:
    """Return whether a model's weights are on this machine, without loading them."""
    return hub.availability(ref.spec).available


def _preset() -> None:
    chosen = next(preset for preset in all_presets() if preset.name == st.session_state[PRESET])
    if chosen.refs:
        take_preset(chosen)


def take_preset(preset: Preset) -> None:
    """Choose a preset's models, and its photo if it has one."""
    MODELS.put(_labels(preset))
    if preset.sample:
        SAMPLES.put((preset.sample,))


def _labels(preset: Preset) -> tuple[str, ...]:
    return tuple(ref.label for ref in preset.refs)


def _entrant(ref: ModelRef, preset: Preset, before: Sequence[ModelRef]) -> Entrant:
    """Return a model with its role: the preset's, or what it scales against the first or another earlier model."""
    against = [(scaling_axis(ref, other), other.label if place else "") for place, other in enumerate(before or [ref])]
    for member, part, words in zip(preset.refs, preset.roles, preset.words, strict=True):
        if member.label == ref.label:
            beside = next((label for axis, label in against if axis is part), "")
            return Entrant(catalogue.model_card(ref), part, beside, words)
    role, beside = next(((axis, label) for axis, label in against if axis), (None, ""))
    return Entrant(catalogue.model_card(ref), role, beside, "")


# Below the maps: the phi slider, and the compared models by cost and accuracy.

IN_ADDRESS: Final = {"bind": "query-params", "label_visibility": "collapsed"}


def show_phi_strip() -> Family:
    """Show the live slider, whose button adds the nearest published network; return the scaled family."""
    st.header(_("One number scales all three"))
    names = {family: FAMILY_NAMES[family] for family in (Family.LITE, Family.EFFICIENTNET)}
    family = choose_member(_("Family"), names, FAMILY, Family.LITE, **IN_ADDRESS)
    table = cache.phi_table(PAPER_RULE, family)
    PHI.put(phi_slider(table, PHI.get(), "compare-phi", _add))
    rule = _("$d = {alpha:g}^φ$, $w = {beta:g}^φ$, $r = {gamma:g}^φ$ (paper, Eq. 3). More on the Scale page.")
    st.caption(rule.format(alpha=PAPER_RULE.alpha, beta=PAPER_RULE.beta, gamma=PAPER_RULE.gamma))
    return family


def _add(name: str) -> None:
    """Add a published network at its published size, and say what happened."""
    if name.lower() in catalogue.NAMES:
        join_comparison(f"{name.lower()}@{PUBLISHED[name.lower()].resolution}")
    else:
        cannot = _("{name} cannot be compared: it has no weights from the recipe that the other networks share.")
        st.toast(cannot.format(name=name))


def show_accuracy(refs: Sequence[ModelRef], family: Family) -> None:
    """Plot the compared models among the paper's networks."""
    st.header(_("Cost and accuracy"))
    costs = {cost: str(cost) for cost in accuracy_cost.Cost}
    cost = choose_member(_("Cost"), costs, "cost", accuracy_cost.Cost.MACS, **IN_ADDRESS)
    ours, without = accuracy_cost.compared_series(refs)
    at = PAPER_RULE.at(PHI.get())
    current = accuracy_cost.unmeasured_network(f"φ = {PHI.get():g}", plan(at.depth, at.width, at.resolution_px, family))
    chart = accuracy_cost_figure([*accuracy_cost.paper_series(PaperVersion.V5), ours], cost, [current], compact=True)
    text = _("Scatter chart of ImageNet top-1 versus {cost}: the paper's networks, with compared models as hexagons.")
    st.plotly_chart(chart, key=CHART, config=style.config("accuracy"), alt=text.format(cost=cost.axis))
    rows = style.drawn_numbers(chart, cost.column, "top1_pct")
    chart_menu(CHART, chart, _("Cost and accuracy"), accuracy_cost.credit_line(), rows)
    if without:
        st.caption(" ".join(_left_out(refs, [mark.label for mark in without])))
    outputs.sources(
        (_("paper, Table 2, v5"), outputs.PAPER),
        (_("timm's measurements"), "https://github.com/huggingface/pytorch-image-models/tree/main/results"),
    )


def _left_out(refs: Sequence[ModelRef], without: Sequence[str]) -> Iterator[str]:
    """Yield sentences that say which models are not plotted, and why."""
    others = [ref.label for ref in refs if ref.label in without and ref.spec.dataset != IMAGENET]
    if others:
        words = _("Not plotted because they were trained and measured on classes other than ImageNet's: {names}.")
        yield words.format(names=", ".join(others))
    if unmeasured := [label for label in without if label not in others]:
        words = _("Not plotted because their ImageNet accuracy at this size is unknown: {names}.")
        yield words.format(names=", ".join(unmeasured))


# Chosen models whose weights are missing: one tile each, with the file's size and how to get it.
#
# With EFFVIZ_FETCH=1 the server downloads them from the Hugging Face hub when a visitor asks. Without it, pages never
# download anything.

TILE_PX: Final = 280
PACE_S: Final = 0.5  # between two updates of a progress bar
AT_ONCE: Final = 2  # downloads; further ones wait


def show_missing_weights(entrants: Sequence[Entrant]) -> None:
    """Show one tile for every missing weights file."""
    absent = {entrant.card.ref.spec: entrant for entrant in entrants if not entrant.card.availability.available}
    if not absent:
        return
    for sentence in hub.missing(list(absent)):
        st.info(sentence, icon=":material/download:")
    followed = [spec.name for spec in absent if _under_way(spec.name)]
    st.fragment(_tiles, run_every=PACE_S if followed else None)(absent, followed)


def _tiles(absent: Mapping[ModelSpec, Entrant], followed: Sequence[str]) -> None:
    """Show all tiles; when a followed download ends, the page runs again with the map or the error."""
    if not all(map(_under_way, followed)):
        st.rerun()
    with st.container(horizontal=True, key="missing-weights"):
        for spec, entrant in absent.items():
            card = entrant.card
            nbytes = state_dicts.file_bytes(spec.plan) if spec.family else 4 * card.params
            size = _("{size:.0f} MB of weights").format(size=nbytes / 1e6)
            with st.container(border=True, width=TILE_PX), guard():
                st.markdown(f"**{outputs.plain(card.ref.label)}**")
                st.caption(f"{size}: {outputs.plain(_(spec.weights))}")
                if card.availability.command:
                    st.code(card.availability.command, language="bash")
                else:
                    st.caption(card.availability.sentence)
                if spec.origin is WeightsOrigin.HUB and settings.FETCH.value():
                    _fetching(spec.name)


def _fetching(name: str) -> None:
    """Show a progress bar during the download, otherwise a button.

    Raises:
        WeightsError: the last attempt failed.
    """
    if _under_way(name):
        got, total = _received[name]
        text = _("{got:.0f} of {total:.0f} MB").format(got=got / 1e6, total=total / 1e6)
        st.progress(min(1.0, got / total) if total else 0.0, text=text if total else _("Getting ready"))
        return
    if st.button(_("Download now"), key=f"fetch {name}", icon=":material/download:"):
        from effviz.zoo import download  # imports an HTTP client, which the page loads without

        with _lookup:
            if not _under_way(name):
                _received[name] = 0, 0
                _downloads[name] = _pool.submit(download.fetch, [name], _report)
        st.rerun()
    if name in _downloads:
        _downloads[name].result()


# Downloads belong to the server: they continue after a visitor leaves, and others who want the file see the same bar.

_pool = ThreadPoolExecutor(AT_ONCE, "fetch")
_downloads: dict[str, "Future[object]"] = {}  # by model
_received: dict[str, tuple[int, int]] = {}  # bytes received and in total; the total is 0 until the hub reports it
_lookup = threading.Lock()


def _under_way(name: str) -> bool:
    return name in _downloads and not _downloads[name].done()


def _report(name: str, got: int, total: int) -> None:
    """Record the progress; the hub calls this in its own thread."""
    _received[name] = got, total


# From a plan to maps: the candidates that represent it in a comparison, and the buttons that add them.

COMPARE: Final = "effviz/ui/pages/compare.py"
UNTRAINED: Final = lazy_gettext("This network, untrained: its maps mean nothing")
NEAREST: Final = lazy_gettext("The published network nearest in MACs whose weights are on this server")
MINI: Final = lazy_gettext("A small network scaled in the same way, trained by EffViz on ten classes")
TRAINED_ON: Final = {  # beside a network's name
    UNTRAINED: lazy_gettext("{label}, untrained"),
    NEAREST: lazy_gettext("{label}, trained on ImageNet"),
    MINI: lazy_gettext("{label}, trained on ten classes"),
}


def candidates(network: Plan, method: ScalingMethod) -> list[tuple[ModelRef, str]]:
    """Return the network itself, the nearest published one with weights here, and the mini network of that scaling.

    Each comes with a sentence, marked for translation, about how it represents the plan.

    Raises:
        SettingsError: the network costs more than any published one.
        WeightsError: the manifest of `models/` cannot be read.
    """
    spec = catalogue.scaled_model(network.depth, network.width, network.resolution, network.family)
    itself = catalogue.at_resolution(spec, network.resolution)
    listed = [(itself, MINI if spec.trained else UNTRAINED)]
    if (near := nearest_published(network)) is not None:
        listed.append((near, NEAREST))
    unscaled = (network.depth, network.width, network.resolution) == (1.0, 1.0, 224)
    same = ScalingAxis.BASELINE if unscaled else ScalingAxis(method.value)
    return listed + [(catalogue.parse_model(mini.entry.name), MINI) for mini in mini_family() if mini.role is same]


def nearest_published(network: Plan) -> ModelRef | None:
    """Return the published network nearest in MACs (by ratio) with weights here, if possible of the same family."""
    specs = [spec for spec in map(catalogue.find_model, catalogue.NAMES) if hub.availability(spec).available]
    same = [spec for spec in specs if spec.family is network.family]
    refs = [ModelRef(spec, spec.resolution_px) for spec in same or specs]
    return min(refs, key=lambda ref: abs(math.log(ref.macs / network.macs)), default=None)


def offer_candidates(network: Plan, method: ScalingMethod, key: str) -> None:
    """Show one button per candidate, which opens the Compare page with it."""
    try:
        offered = candidates(network, method)
    except EffVizError as error:
        st.info(str(error), icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"offer-{key}"):
        st.markdown(_("**Compare this network, or the nearest trained one:**"), width="content")
        for number, (ref, why) in enumerate(offered):
            name = _(TRAINED_ON[why]).format(label=ref.label)
            asked = st.button(name, key=f"compare-{key}-{number}", icon=":material/grid_view:", help=_(why))
            if asked and join_comparison(ref.label):
                # Without the empty dict, Streamlit refuses to clear an address that widgets of this page are bound to.
                st.switch_page(COMPARE, query_params={})


def join_comparison(label: str) -> bool:
    """Add a model to the comparison, show what happened, and return whether it is in it now."""
    present = label in MODELS.get()
    full = not present and len(MODELS.get()) >= MOST_MODELS
    if full:
        message = _("A comparison can hold {most} models. Remove one first.").format(most=MOST_MODELS)
    elif present:
        message = _("{label} is already in the comparison.").format(label=label)
    else:
        MODELS.put((*MODELS.get(), label))
        message = _("Added {label} to the comparison.").format(label=label)
    st.toast(message)
    return not full
