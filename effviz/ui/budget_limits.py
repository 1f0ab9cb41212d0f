"""Parts of the Scale page: charts, several limits at once, which limit binds, and the code of the network."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from effviz.i18n import _, lazy_gettext
from effviz.plots.scaling_plans import limit_shares
from effviz.plots.style import config, drawn_numbers
from effviz.scaling import Budget, BudgetKind, Family, Plan, ScalingMethod, ScalingPath, ScalingRule, Solution
from effviz.scaling.architecture import CLASSES, RESOLUTION, Limit
from effviz.scaling.framework_code import Framework, check_line, framework_code
from effviz.scaling.solver import limit_curves
from effviz.ui.components.picture import Row, chart_menu
from effviz.ui.inputs import BUDGET_NAMES, BUDGET_UNITS, MILLION

FRAMEWORK_NAMES = {Framework.TIMM: "timm", Framework.TORCHVISION: "torchvision", Framework.KERAS: "Keras"}
INPUT_PX, CLASS_COUNT = "input-px", "class-count"  # in the address
LIMITS: Final = {kind: f"{kind}-limit" for kind in BudgetKind}  # also in the address

_BINDS = {
    BudgetKind.MACS: lazy_gettext("the limit on MACs is reached first"),
    BudgetKind.PARAMS: lazy_gettext("the limit on parameters is reached first"),
    BudgetKind.ACTIVATION_MEMORY: lazy_gettext("the limit on activation memory is reached first"),
}


def show_chart(name: str, chart: go.Figure, alt: str, title: str, rows: Sequence[Row]) -> None:
    """Show a chart of numbers that EffViz computed, with its menu."""
    st.plotly_chart(chart, key=f"scale-{name}", config=config(name), alt=alt)
    chart_menu(f"scale-{name}", chart, title, _("Counted and drawn by EffViz (Apache-2.0)."), rows)


def choose_limits(
    first: Budget, method: ScalingMethod, rule: ScalingRule, family: Family
) -> tuple[tuple[Budget, ...], ScalingPath]:
    """Show optional fields for more limits, a fixed input size and the number of classes.

    Raises:
        SettingsError: The input size is fixed, but it is the only dimension that should grow.
    """
    asked = any(key in st.query_params for key in (INPUT_PX, CLASS_COUNT, *LIMITS.values()))  # by a link
    with st.expander(_("More limits, a fixed input size, another number of classes"), expanded=asked):
        columns = st.columns(4)
        others = [kind for kind in BudgetKind if kind is not first.kind]
        limits = [_limit(kind, column) for kind, column in zip(others, columns, strict=False)]
        px = _whole_number(columns[2], _("Input (px)"), RESOLUTION, INPUT_PX, _("grows"))
        classes = _whole_number(columns[3], _("Classes"), CLASSES, CLASS_COUNT, "1000")
    path = ScalingPath(method, rule, family, px, classes or 1000)
    return (first, *(budget for budget in limits if budget)), path


def show_limits(answer: Solution, path: ScalingPath) -> None:
    """Draw how much of each limit is used as the network grows, state which binds, and show the network's code."""
    if len(answer.shares) > 1:
        used = "; ".join(
            _("{share:.1f} % of the {unit}").format(share=100 * share, unit=_(BUDGET_NAMES[budget.kind]))
            for budget, share in answer.shares
        )
        stops = _("no limit is reached") if answer.at_limit else _(_BINDS[answer.budget.kind])
        chart = limit_shares(limit_curves(answer, path), answer)
        alt = _("Line chart of the used share of each limit versus the coefficient; {stops}.").format(stops=stops)
        rows = drawn_numbers(chart, "coefficient", "used_pct")
        show_chart("limits", chart, alt, _("Which limit is reached first?"), rows)
        st.caption(_("Used: {used}. Here {stops}.").format(used=used, stops=stops))
    use_network(answer.plan)


def use_network(network: Plan) -> None:
    """Show the code that builds a network in other frameworks, with the counts to check."""
    with st.expander(_("Use this network"), icon=":material/code:"):
        codes = {name: framework_code(network, name) for name in Framework}
        there = {FRAMEWORK_NAMES[name]: lines for name, lines in codes.items() if lines}
        for tab, lines in zip(st.tabs(list(there)), there.values(), strict=True):
            tab.code(f"{check_line(network)}\n{lines}", language="python")
        text = _(
            "The network's weights are random, so train it before use. EffViz's tests run the code for timm and "
            "torchvision and check the counts."
        )
        st.caption(text)


def _limit(kind: BudgetKind, column: DeltaGenerator) -> Budget | None:
    label = _("{cost}, at most ({unit})").format(cost=_(BUDGET_NAMES[kind]), unit=_(BUDGET_UNITS[kind]))
    key, without = LIMITS[kind], _("no limit")
    amount = column.number_input(label, 0.001, None, None, key=key, bind="query-params", placeholder=without)
    return None if amount is None else Budget(kind, amount * MILLION)


def _whole_number(column: DeltaGenerator, label: str, ends: Limit, key: str, without: str) -> int | None:
    least, most = int(ends.low), int(ends.high)
    return column.number_input(label, least, most, None, 1, key=key, bind="query-params", placeholder=without)
