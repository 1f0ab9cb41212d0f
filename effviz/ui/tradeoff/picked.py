"""One network of the figure: chosen by a click or from a list, described, and added to the comparison."""

from collections.abc import Sequence

import streamlit as st

from effviz.plots.points import Point
from effviz.ui.guard import guard
from effviz.ui.state import MODELS, MOST_MODELS
from effviz.words import _
from effviz.zoo import cards, catalogue
from effviz.zoo.cards import Card

CHART, NETWORK = "tradeoff-chart", "network"


def clicked() -> None:
    """Take over the network that was clicked; a click on a dashed line, or beside all points, changes nothing."""
    points = st.session_state[CHART].selection.points
    if points and points[0].get("customdata"):
        st.session_state[NETWORK] = points[0]["customdata"][0]


def choose(points: Sequence[Point]) -> Point | None:
    """The list of all networks in the figure; it also works without a mouse."""
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


def show(point: Point) -> None:
    """Everything known about the network, with its source, and the way into the comparison."""
    with st.container(border=True):
        st.subheader(point.id, anchor=False)
        with st.container(horizontal=True, gap="medium"):
            st.metric(_("Top-1"), f"{point.top1_pct:g} %", width="content")
            if point.top5_pct is not None:
                st.metric(_("Top-5"), f"{point.top5_pct:g} %", width="content")
            st.metric(_("Parameters"), _million(point.params_millions), width="content")
            counted = _(point.macs_count).capitalize() + "."
            st.metric(_("MACs"), _billion(point.macs_billions), width="content", help=counted)
        if point.compare:
            with guard():
                _comparable(point, cards.card(catalogue.parse(point.compare)))
        else:
            _list(_lines(point))
            st.caption(_("EffViz has no weights for this network, so it cannot be compared."))


def _comparable(point: Point, card: Card) -> None:
    """With the model's coefficients and weights, and the button; whether the weights are here is said before it."""
    scaling = _("Scaling: d = {depth:g}, w = {width:g}, {px} px")
    weights = _("Weights: {weights}").format(weights=card.weights)
    _list([scaling.format(depth=card.depth, width=card.width, px=card.resolution_px), *_lines(point), weights])
    if not card.availability.available:
        st.caption(card.availability.sentence)
    present, full = point.compare in MODELS.get(), len(MODELS.get()) >= MOST_MODELS
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("In the comparison") if present else _("Add to compare"),
            type="primary",
            icon=":material/check:" if present else ":material/add:",
            disabled=present or full,
            help=_("A comparison holds {most} models: remove one on the Compare page first.").format(most=MOST_MODELS)
            if full
            else None,
            on_click=_add,
            args=(point.compare,),
        )
        st.page_link("effviz/ui/pages/compare.py", label=_("Open Compare"), icon=":material/grid_view:")


def _lines(point: Point) -> list[str]:
    more = _("Training: {training}, on more pictures than ImageNet-1k")
    lines = [(more if point.extra_data else _("Training: {training}")).format(training=_(point.training))]
    if point.resolution_px is not None:
        lines.append(_("Measured at {px} px").format(px=point.resolution_px))
    lines.append(_("MACs: {how}").format(how=_(point.macs_count)))
    if point.macs_billions_with_bn is not None:
        counted = _("MACs as timm counts them, with batch norm: {macs}")
        lines.append(counted.format(macs=_billion(point.macs_billions_with_bn)))
    return [*lines, _("Source: {source}").format(source=_(point.source))]


def _list(lines: Sequence[str]) -> None:
    st.markdown("\n".join(f"- {line}" for line in lines))


def _add(label: str) -> None:
    MODELS.put((*MODELS.get(), label))


def _million(amount: float) -> str:
    return f"{amount:g} M"


def _billion(amount: float | None) -> str:
    return _("not published") if amount is None else f"{amount:.3g} B"
