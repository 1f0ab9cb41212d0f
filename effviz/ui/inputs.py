"""Widgets that give typed values."""

import streamlit as st

from effviz.scaling import PAPER_RULE, Budget, BudgetKind, Family, ScalingMethod, ScalingRule
from effviz.ui import choices, state
from effviz.words import _, later

FAMILY_NAMES = {Family.EFFICIENTNET: "EfficientNet", Family.LITE: "EfficientNet-Lite"}
METHOD_NAMES = {
    ScalingMethod.COMPOUND: later("Compound"),
    ScalingMethod.DEPTH: later("Depth"),
    ScalingMethod.WIDTH: later("Width"),
    ScalingMethod.RESOLUTION: later("Resolution"),
}
BUDGET_NAMES = {
    BudgetKind.MACS: later("MACs"),
    BudgetKind.PARAMS: later("Parameters"),
    BudgetKind.ACTIVATION_MEMORY: later("Activation memory"),
}
BUDGET_UNITS = {
    BudgetKind.MACS: later("million"),
    BudgetKind.PARAMS: later("million"),
    BudgetKind.ACTIVATION_MEMORY: later("MB"),
}
BUDGET_DEFAULTS = {BudgetKind.MACS: 1000.0, BudgetKind.PARAMS: 10.0, BudgetKind.ACTIVATION_MEMORY: 10.0}
MILLION = 1e6

# What each base can be raised to before the network at phi = 8 leaves what can be planned.
BASES = (
    (state.ALPHA, later("α, for depth"), PAPER_RULE.alpha, 1.5),
    (state.BETA, later("β, for width"), PAPER_RULE.beta, 1.4),
    (state.GAMMA, later("γ, for resolution"), PAPER_RULE.gamma, 1.3),
)


def family() -> Family:
    """Which family is scaled."""
    chosen = st.segmented_control(
        _("Family"),
        [str(family) for family in Family],
        format_func=lambda name: FAMILY_NAMES[Family(name)],
        default=str(Family.EFFICIENTNET),
        key=state.FAMILY,
        required=True,
        bind="query-params",
        help=_("Lite has no squeeze-and-excitation, ReLU6 for SiLU, and a stem and a head that do not grow."),
    )
    return Family(chosen)


def rule() -> ScalingRule:
    """alpha, beta and gamma, and a way back to the paper's."""
    columns = st.columns(3)
    bases = [
        column.number_input(_(label), 1.0, most, paper, 0.01, "%.2f", key=key, bind="query-params")
        for column, (key, label, paper, most) in zip(columns, BASES, strict=True)
    ]
    papers = [paper for *_names, paper, _most in BASES]
    st.button(_("Back to the paper's values"), on_click=_reset_rule, disabled=bases == papers)
    return ScalingRule(*bases)


def _reset_rule() -> None:
    for key, _label, paper, _most in BASES:
        st.session_state[key] = paper


def budget() -> tuple[Budget, ScalingMethod]:
    """What may be spent, and how to grow."""
    scarce, amount, way = st.columns([2, 1, 2])
    with scarce:
        kind = BudgetKind(_choice(_("What is scarce"), BUDGET_NAMES, state.BUDGET_KIND))
    limit = amount.number_input(
        _("At most ({unit})").format(unit=_(BUDGET_UNITS[kind])),
        min_value=0.001,
        value=BUDGET_DEFAULTS[kind],
        step=BUDGET_DEFAULTS[kind] / 10,
        key=f"{kind}-{state.BUDGET_AMOUNT}",
        bind="query-params",
    )
    with way:
        method = ScalingMethod(_choice(_("What grows"), METHOD_NAMES, state.BUDGET_METHOD))
    return Budget(kind, limit * MILLION), method


def _choice(label: str, names: dict[BudgetKind, str] | dict[ScalingMethod, str], key: str) -> str:
    words = {str(value): name for value, name in names.items()}
    choices.read_old(key, words)
    return choices.one(label, {value: _(name) for value, name in words.items()}, key, next(iter(words)))
