"""Widgets of the Trade-off page: cost, data sources, phi, and the network that is chosen in the figure."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from effviz.facts.paper_tables import PaperVersion
from effviz.facts.timm_results import RECIPES, NetworkFamily, Recipe
from effviz.i18n import _, ngettext
from effviz.plots.accuracy_cost import Cost, NetworkPoint, NetworkSeries, UnmeasuredNetwork
from effviz.ui import inputs, outputs
from effviz.ui.components.picture import save_csv
from effviz.ui.guard import guard
from effviz.ui.paper.exhibit import Column, frame, show_rows
from effviz.ui.session import MODELS, MOST_MODELS, PHI, PHI_LEAST, PHI_MOST, PHI_STEP
from effviz.zoo import catalogue
from effviz.zoo.catalogue import ModelCard
from effviz.zoo.model import ModelRef

# Keys of widgets, which are also names in the address, except for phi, which `PHI` writes there.
COST, VERSION, RECIPE_TITLES, FAMILY_LABELS = "cost", "paper", "recipes", "families"
PHI_SLIDER = "tradeoff-phi"

_RECIPES = {recipe.title: recipe for recipe in RECIPES}
_FAMILIES = {family.label: family for family in NetworkFamily if family is not NetworkFamily.EFFICIENTNET}


def first_row() -> tuple[Cost, PaperVersion, float]:
    """Show and return the cost, the version of the paper, and the phi of the marked network."""
    left, right = st.columns(2)
    with left.container(horizontal=True):
        costs = {Cost.PARAMS.value: _("Params"), Cost.MACS.value: _("MACs")}
        cost = inputs.choose_one(_("Cost"), costs, COST, Cost.MACS.value)
        versions = {version.value: version.value for version in PaperVersion}
        help = _("EfficientNet's accuracies changed between versions; parameters and MACs did not.")
        version = inputs.choose_one(_("Version of the paper"), versions, VERSION, PaperVersion.V5.value, help)
    st.session_state[PHI_SLIDER] = PHI.get()
    phi = right.slider(
        _("φ of the marked network"),
        PHI_LEAST,
        PHI_MOST,
        step=PHI_STEP,
        key=PHI_SLIDER,
        on_change=lambda: PHI.put(st.session_state[PHI_SLIDER]),
    )
    return Cost(cost), PaperVersion(version), phi


def second_row() -> tuple[tuple[Recipe, ...], tuple[NetworkFamily, ...]]:
    """Show and return the choice of timm's measurements: EfficientNets by recipe, and other families."""
    left, right = st.columns(2)
    titles = left.multiselect(
        _("EfficientNets measured by timm, by training recipe"),
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
    """Return the models of the comparison without duplicates; for a model that does not exist, show the error."""
    by_label: dict[str, ModelRef] = {}
    for label in MODELS.get()[:MOST_MODELS]:
        with guard():
            ref = catalogue.parse_model(label)
            by_label[ref.label] = ref
    return tuple(by_label.values())


def mixing(recipes: Sequence[Recipe], families: Sequence[NetworkFamily]) -> str:
    """Return a warning if the networks were trained with different recipes, else "".

    The figure always includes the paper's EfficientNets, which were trained with AutoAugment.
    """
    names = list(dict.fromkeys([RECIPES[0].title, *(recipe.title for recipe in recipes)]))
    names += [_("{family} (several recipes)").format(family=family.label) for family in families]
    if len(names) == 1:
        return ""
    return _(
        "These networks were trained with different recipes: {names}. A difference between two of them may "
        "come from the training rather than the scaling. Show only {fair} to compare scaling."
    ).format(names=", ".join(names), fair=RECIPES[0].title)


# One network of the figure, chosen by a click or from the list: its details, and adding it to the comparison.

CHART, NETWORK = "tradeoff-chart", "network"


def clicked_network() -> None:
    """Choose the network that was clicked; clicks on a dashed line or on empty space change nothing."""
    points = st.session_state[CHART].selection.points
    if points and points[0].get("customdata"):
        st.session_state[NETWORK] = points[0]["customdata"][0]


def choose_network(points: Sequence[NetworkPoint]) -> NetworkPoint | None:
    """Show the list of all networks in the figure, which also works without a mouse."""
    by_id = {point.id: point for point in points}
    chosen = st.selectbox(
        _("Network: click a point, or choose one here"),
        list(by_id),
        index=None,
        key=NETWORK,
        bind="query-params",
        placeholder=_("No network chosen"),
    )
    return by_id.get(chosen or "")


def show_network(point: NetworkPoint) -> None:
    """Show the details of a network with their source, and a button that adds it to the comparison."""
    with st.container(border=True):
        st.subheader(point.id, anchor=False)
        with st.container(horizontal=True, gap="medium"):
            st.metric(_("Top-1"), f"{point.top1_pct:g} %", width="content")
            if point.top5_pct is not None:
                st.metric(_("Top-5"), f"{point.top5_pct:g} %", width="content")
            st.metric(_("Parameters"), f"{point.params_millions:g} M", width="content")
            counted = _(point.macs_count).capitalize() + "."
            st.metric(_("MACs"), _billion(point.macs_billions), width="content", help=counted)
        if point.compare:
            with guard():
                _comparable(point, catalogue.model_card(catalogue.parse_model(point.compare)))
        else:
            _list(_lines(point))
            st.caption(_("EffViz has no weights for this network, so it cannot be compared."))


def _comparable(point: NetworkPoint, card: ModelCard) -> None:
    """Show the coefficients, the weights and their availability, then the button."""
    scaling = _("Scaling: d = {depth:g}, w = {width:g}, {px} px")
    scale = [] if card.depth is None else [scaling.format(depth=card.depth, width=card.width, px=card.resolution_px)]
    _list([*scale, *_lines(point), _("Weights: {weights}").format(weights=card.weights)])
    if not card.availability.available:
        st.caption(card.availability.sentence)
    present, full = point.compare in MODELS.get(), len(MODELS.get()) >= MOST_MODELS
    help = _("A comparison holds at most {most} models: remove one on the Compare page first.").format(most=MOST_MODELS)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("In the comparison") if present else _("Add to compare"),
            type="primary",
            icon=":material/check:" if present else ":material/add:",
            disabled=present or full,
            help=help if full else None,
            on_click=MODELS.put,
            args=((*MODELS.get(), point.compare),),
        )
        st.page_link("effviz/ui/pages/compare.py", label=_("Open Compare"), icon=":material/grid_view:")


def _lines(point: NetworkPoint) -> list[str]:
    extra = _("Training: {training}, on more images than ImageNet-1k")
    lines = [(extra if point.extra_data else _("Training: {training}")).format(training=_(point.training))]
    if point.resolution_px is not None:
        lines.append(_("Measured at {px} px").format(px=point.resolution_px))
    lines.append(_("MACs: {how}").format(how=_(point.macs_count)))
    if point.macs_billions_with_bn is not None:
        counted = _("MACs as timm counts them, with batch norm: {macs}")
        lines.append(counted.format(macs=_billion(point.macs_billions_with_bn)))
    return [*lines, _("Source: {source}").format(source=_(point.source))]


def _list(lines: Sequence[str]) -> None:
    st.markdown("\n".join(f"- {line}" for line in lines))


def _billion(amount: float | None) -> str:
    return _("not published") if amount is None else f"{amount:.3g} B"


# The figure in numbers and words: its table, its alt text, and notes against misreading it.


def table_columns() -> dict[str, Column[tuple[NetworkSeries, NetworkPoint]]]:
    """Return the columns of the table."""
    return {
        "network": Column(lambda row: row[1].id, _("Network")),
        "series": Column(lambda row: row[0].title, _("Series")),
        "top1_pct": Column(lambda row: row[1].top1_pct, _("Top-1 (%)"), "%.1f"),
        "top5_pct": Column(lambda row: row[1].top5_pct, _("Top-5 (%)"), "%.1f"),
        "params_millions": Column(lambda row: row[1].params_millions, _("Parameters (million)"), outputs.printed),
        "macs_billions": Column(lambda row: row[1].macs_billions, _("MACs (billion)"), outputs.printed),
        "macs_counted": Column(lambda row: str(_(row[1].macs_count)), _("How the MACs were counted")),
        "macs_billions_timm_with_bn": Column(
            lambda row: row[1].macs_billions_with_bn, _("timm's MACs, with batch norm (billion)"), "%.2f"
        ),
        "resolution_px": Column(lambda row: row[1].resolution_px, _("Input (px)"), "%d"),
        "training": Column(lambda row: _(row[1].training), _("Training")),
        "extra_data": Column(lambda row: row[1].extra_data, _("More images than ImageNet-1k")),
        "source": Column(lambda row: _(row[1].source), _("Source")),
    }


def table_rows(series: Sequence[NetworkSeries]) -> pd.DataFrame:
    """Return one row per point, in the figure's order; cells without a published number are empty."""
    return frame([(curve, point) for curve in series for point in curve.points], table_columns())


def show_table(series: Sequence[NetworkSeries]) -> None:
    """Show the table, and a button that saves it."""
    rows = table_rows(series)
    show_rows(rows, table_columns())
    save_csv("tradeoff", rows, _("Download as CSV"))


def alt_text(series: Sequence[NetworkSeries], cost: Cost, marked: UnmeasuredNetwork) -> str:
    """Describe the figure in two sentences; its numbers are in the table."""
    shown = [curve for curve in series if curve.points]
    return _(
        "Scatter chart of ImageNet top-1 accuracy versus {axis} on a log scale: {names}. A dashed line marks "
        "{label} at {cost:.3g}."
    ).format(axis=cost.axis, names="; ".join(map(_named, shown)), label=marked.label, cost=marked.cost(cost))


def _named(curve: NetworkSeries) -> str:
    count = len(curve.points)
    text = ngettext("{title} ({count} network)", "{title} ({count} networks)", count)
    return text.format(title=curve.title, count=count)


def show_notes(series: Sequence[NetworkSeries], cost: Cost, unmeasured: Sequence[UnmeasuredNetwork]) -> None:
    """Show how to read the figure and what it leaves out."""
    sentences = [
        _(
            "Dashed line: B0 scaled by the paper's rule to this φ. Its cost is computed; only at φ = 0 is it a "
            "published network with a known accuracy, B0."
        ),
        _("Hexagons: the models of your comparison, each with its own training."),
        _("Open markers: trained on more images than ImageNet-1k."),
        _(
            "The small networks that this project trained on ten classes are not shown: they do not test the "
            "paper's claim. See Table 7 on the Paper page."
        ),
    ]
    if cost is Cost.MACS:
        counts = _(
            "MACs are multiply-adds, which the paper calls FLOPs. Those of the paper's networks are as printed. "
            "For timm's EfficientNets and your comparison, EffViz counts convolutions and linear layers; for other "
            "families, timm's count also includes batch norm."
        )
        sentences.append(counts)
    missing = [point.id for curve in series for point in curve.points if point.cost(cost) is None]
    if missing:
        absent = _("Not in the figure, because the paper prints no FLOPs for them: {names}.")
        sentences.append(absent.format(names=", ".join(missing)))
    if unmeasured:
        labels = ", ".join(mark.label for mark in unmeasured)
        text = _("In your comparison but without an ImageNet accuracy at this size: {names}.")
        sentences.append(text.format(names=labels))
    outputs.caption(sentences)
