"""Widgets that return typed values: choices by name, families, scaling rules and budgets."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from effviz import i18n
from effviz.i18n import _, lazy_gettext
from effviz.scaling import PAPER_RULE, Budget, BudgetKind, Family, ScalingMethod, ScalingRule, Solution, architecture
from effviz.ui import session
from effviz.ui.components.phi import move_slider, step_below

# Choices whose value, not label, is written into the address. Streamlit's `bind="query-params"` writes the label, so a
# link made in German would not work for an English reader: use these widgets where labels are translated. They also
# keep their choice while the visitor looks at another page.

Names = Mapping[str, str]  # the value in the address -> what the visitor reads


def choose_one(label: str, names: Names, key: str, first: str, help: str | None = None) -> str:
    """Choose one in a row of buttons; `first` is the default if the address has no valid choice."""
    return _choose(partial(st.segmented_control, label, required=True, help=help), names, key, first)


def choose_listed(label: str, names: Names, key: str, first: str, help: str | None = None) -> str:
    """Choose one from a drop-down list; a single option is not greyed out, because that is hard to read."""
    return _choose(partial(st.selectbox, label, help=help), names, key, first)


def choose_several(label: str, names: Names, key: str, first: Sequence[str], help: str | None = None) -> list[str]:
    """Choose any number, including none; return them in the order of `names`."""
    state = widget_key(key)
    if state not in st.session_state:
        asked = _asked(key)
        wanted = first if asked is None else asked.split(",")
        st.session_state[state] = [name for name in names if name in wanted]
    chosen = st.pills(label, list(names), selection_mode="multi", format_func=names.__getitem__, key=state, help=help)
    ordered = [name for name in names if name in chosen]
    _write(key, ",".join(ordered), ",".join(name for name in names if name in first))
    return ordered


Member = TypeVar("Member", bound=StrEnum)


def choose_member(label: str, names: Mapping[Member, str], key: str, first: Member, **options: Any) -> Member:
    """Choose an enumeration member in a row of buttons; `options` are passed to `st.segmented_control`.

    Use `bind="query-params"`, which writes the label into the address, only if labels are not translated.
    """
    show, named = st.segmented_control, names.__getitem__
    chosen: Member = show(label, list(names), default=first, format_func=named, key=key, required=True, **options)
    return chosen


def read_old_link(key: str, names: Names) -> None:
    """Convert an old link, whose address has the English label, to the value; `names` are untranslated."""
    asked = st.query_params.get(key)
    for value, name in names.items():
        if asked == name:
            st.query_params[key] = str(value)


def forget_choice(key: str) -> None:
    """Forget a choice, so that it is read from the address again."""
    st.session_state.pop(widget_key(key), None)
    st.session_state.pop(_memory(key), None)


def widget_key(key: str) -> str:
    """Return the widget's key; under the plain key, it would get the value of a bound widget on another page."""
    return f"{key}-choice"


def _choose(show: Callable[..., object], names: Names, key: str, first: str) -> str:
    """Read the address only when the widget first appears; afterwards, write the widget's value to the address."""
    state = widget_key(key)
    if st.session_state.get(state) not in names:  # other choices, or a page with this key, may have removed it
        asked = _asked(key)
        st.session_state[state] = asked if asked in names else first
    show(list(names), format_func=names.__getitem__, key=state)
    chosen: str = st.session_state[state]
    _write(key, chosen, first)
    return chosen


def _asked(key: str) -> str | None:
    """Return the value in the address, else the choice from an earlier visit to this page."""
    kept: str | None = st.session_state.get(_memory(key))
    return st.query_params.get(key, kept)


def _write(key: str, text: str, first: str) -> None:
    """Update the address; the first choice is left out to keep links short."""
    if text == first:
        st.query_params.pop(key, None)
        st.session_state.pop(_memory(key), None)
        return
    st.session_state[_memory(key)] = text
    if st.query_params.get(key) != text:
        st.query_params[key] = text


def _memory(key: str) -> str:
    """Return a key that is unique to the page: Scale and Compare both have a "method", with different meanings."""
    context = get_script_run_ctx()
    return f"{key}-before-{context.page_script_hash if context else ''}"


FAMILY_NAMES = {Family.EFFICIENTNET: "EfficientNet", Family.LITE: "EfficientNet-Lite"}

METHOD_NAMES = {
    ScalingMethod.COMPOUND: lazy_gettext("Compound"),
    ScalingMethod.DEPTH: lazy_gettext("Depth"),
    ScalingMethod.WIDTH: lazy_gettext("Width"),
    ScalingMethod.RESOLUTION: lazy_gettext("Resolution"),
}

BUDGET_NAMES = {
    BudgetKind.MACS: lazy_gettext("MACs"),
    BudgetKind.PARAMS: lazy_gettext("Parameters"),
    BudgetKind.ACTIVATION_MEMORY: lazy_gettext("Activation memory"),
}

BUDGET_UNITS = {
    BudgetKind.MACS: lazy_gettext("million"),
    BudgetKind.PARAMS: lazy_gettext("million"),
    BudgetKind.ACTIVATION_MEMORY: lazy_gettext("MB"),
}

BUDGET_DEFAULTS = {BudgetKind.MACS: 1000.0, BudgetKind.PARAMS: 10.0, BudgetKind.ACTIVATION_MEMORY: 10.0}
MILLION = 1e6
LEAST_BASE = architecture.BASE.low
PHI_SLIDER = "scale-phi"  # key of the slider on the Scale page

# Each base with its maximum, up to which EffViz can plan the network at phi = 8.
BASES = (
    (session.ALPHA, lazy_gettext("α, for depth"), PAPER_RULE.alpha, 1.5),
    (session.BETA, lazy_gettext("β, for width"), PAPER_RULE.beta, 1.4),
    (session.GAMMA, lazy_gettext("γ, for resolution"), PAPER_RULE.gamma, 1.3),
)


def choose_family() -> Family:
    """Choose the family to scale."""
    tip = _("Lite has no squeeze-and-excitation, ReLU6 instead of SiLU, and a stem and a head of fixed size.")
    label, first = _("Family"), Family.EFFICIENTNET
    return choose_member(label, FAMILY_NAMES, session.FAMILY, first, bind="query-params", help=tip)


def choose_rule() -> ScalingRule:
    """Choose alpha, beta and gamma, or restore the paper's; a value out of range is reported, and the last one kept.

    The fields have no limits, because Streamlit would silently withhold values out of range.
    """
    columns = st.columns(3)
    asked = [
        column.number_input(_(label), value=paper, step=0.01, format="%.2f", key=key, bind="query-params")
        for column, (key, label, paper, _most) in zip(columns, BASES, strict=True)
    ]
    kept = [_within(*base, value) for base, value in zip(BASES, asked, strict=True)]
    papers = {key: paper for key, _label, paper, _most in BASES}
    unchanged = asked == list(papers.values())
    st.button(_("Back to the paper's values"), on_click=st.session_state.update, args=(papers,), disabled=unchanged)
    return ScalingRule(*kept)


def _within(key: str, label: str, paper: float, most: float, value: float) -> float:
    """Return the value if it is in range, else warn and return the last valid one."""
    in_range = f"{key} in range"  # in the session
    if LEAST_BASE <= value <= most:
        st.session_state[in_range] = value
        return value
    kept: float = st.session_state.get(in_range, paper)
    text = _(
        "{base} is {value:g}, but must be between {least:g} and {most:g}: Eq. 3 requires at least 1, and "
        "EffViz must be able to plan the network at φ = 8. The rule keeps {kept:g}."
    ).format(base=_(label).partition(",")[0], value=value, least=LEAST_BASE, most=most, kept=kept)
    st.warning(text, icon=":material/info:")
    return kept


def show_above(solution: Solution, fixed_size: bool) -> None:
    """Show a button that moves the phi slider to the answer, if the slider can show it."""
    scales_all = solution.method is ScalingMethod.COMPOUND and not fixed_size
    phi = step_below(solution.coefficient) if scales_all else None
    if not scales_all:
        why = _("The slider scales all three: to see the answer there, choose Compound and do not fix the input size.")
    elif phi is None:
        why = _("The answer is outside the range of the slider.")
    else:
        why = _("φ = {phi:g}: the highest position of the slider that fits the budget.").format(phi=phi)
    label, icon = _("Show it above"), ":material/arrow_upward:"
    st.button(label, key="show-above", icon=icon, help=why, disabled=phi is None, on_click=_show_above, args=(phi,))


def _show_above(phi: float) -> None:
    move_slider(PHI_SLIDER, phi)
    st.toast(_("The slider above shows φ = {phi:g}.").format(phi=phi))


def choose_budget() -> tuple[Budget, ScalingMethod]:
    """Choose the budget and what grows."""
    scarce, amount, way = st.columns([2, 1, 2])
    with scarce:
        kind = BudgetKind(_choice(_("Budget"), BUDGET_NAMES, session.BUDGET_KIND))
    label, first = _("Limit ({unit})").format(unit=_(BUDGET_UNITS[kind])), BUDGET_DEFAULTS[kind]
    key = f"{kind}-{session.BUDGET_AMOUNT}"
    limit = amount.number_input(label, min_value=0.001, value=first, step=first / 10, key=key, bind="query-params")
    with way:
        method = ScalingMethod(_choice(_("What grows"), METHOD_NAMES, session.BUDGET_METHOD))
    return Budget(kind, limit * MILLION), method


def _choice(label: str, names: dict[BudgetKind, str] | dict[ScalingMethod, str], key: str) -> str:
    words = {str(value): name for value, name in names.items()}
    read_old_link(key, words)
    return choose_one(label, {value: _(name) for value, name in words.items()}, key, next(iter(words)))


def choose_language() -> None:
    """Show the language menu in the navigation; choosing a language shows the same page in it.

    Visitors who see a relative of their browser's language (Traditional instead of Simplified Chinese) also get a
    button for English.
    """
    codes = (i18n.SOURCE_LANGUAGE, *i18n.available_languages())
    if len(codes) == 1:
        return
    now = i18n.current_language()
    with st.container(key="language", horizontal=True, gap="xsmall", width="content"):
        if session.reads_a_relative():
            english = i18n.language_name(i18n.SOURCE_LANGUAGE)
            st.button(english, key="in-english", on_click=session.LANGUAGE.put, args=(i18n.SOURCE_LANGUAGE,))
        st.menu_button(
            i18n.language_name(now),
            codes,
            key="speak",
            format_func=i18n.language_name,
            icon=":material/language:",
            type="tertiary",
            help=_("Language"),
            on_click=lambda: session.LANGUAGE.put(st.session_state["speak"]),
        )


def tell_language() -> None:
    """Set the page's language for browsers and screen readers, because Han characters differ by language."""
    tag = i18n.language_tag(i18n.current_language())
    st.html(f"<script>document.documentElement.lang = '{tag}'</script>", unsafe_allow_javascript=True)
