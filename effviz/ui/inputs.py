"""Widgets that give typed values: choices by name, families, scaling rules and budgets."""

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

# One or several of a few named things, by value in the address. Streamlit's `bind="query-params"` writes the names that
# the visitor reads, so a link made in German would mean nothing to somebody who reads English: where names are
# translated, these widgets take its place. A choice is there again after a look at another page.

Names = Mapping[str, str]  # the value in the address -> what the visitor reads


def choose_one(label: str, names: Names, key: str, first: str, help: str | None = None) -> str:
    """Choose one in a row of buttons; `first` is chosen where the address asks for nothing that exists."""
    return _choose(partial(st.segmented_control, label, required=True, help=help), names, key, first)


def choose_listed(label: str, names: Names, key: str, first: str, help: str | None = None) -> str:
    """Choose one from a list that opens; one with a single name is not greyed out, since that is hard to read."""
    return _choose(partial(st.selectbox, label, help=help), names, key, first)


def choose_several(label: str, names: Names, key: str, first: Sequence[str], help: str | None = None) -> list[str]:
    """Choose any number, none too; they come back in the order of `names`."""
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
    """Choose one of an enumeration in a row of buttons; with `bind="query-params"` its name stands in the address.

    So bind only names that are not translated. `options` are those of `st.segmented_control`.
    """
    show, named = st.segmented_control, names.__getitem__
    chosen: Member = show(label, list(names), default=first, format_func=named, key=key, required=True, **options)
    return chosen


def read_old_link(key: str, names: Names) -> None:
    """Take a link from the time when English names stood in the address; `names` are not looked up."""
    asked = st.query_params.get(key)
    for value, name in names.items():
        if asked == name:
            st.query_params[key] = str(value)


def forget_choice(key: str) -> None:
    """Have a choice taken from the address again."""
    st.session_state.pop(widget_key(key), None)
    st.session_state.pop(_memory(key), None)


def widget_key(key: str) -> str:
    """The widget's own key: under the bare one, Streamlit would give it what a bound widget of another page had."""
    return f"{key}-choice"


def _choose(show: Callable[..., object], names: Names, key: str, first: str) -> str:
    """Take the address's wish, only when the widget appears: later the widget is right, and the address follows."""
    state = widget_key(key)
    if st.session_state.get(state) not in names:  # another choice, or a page with this key, may have taken it away
        asked = _asked(key)
        st.session_state[state] = asked if asked in names else first
    show(list(names), format_func=names.__getitem__, key=state)
    chosen: str = st.session_state[state]
    _write(key, chosen, first)
    return chosen


def _asked(key: str) -> str | None:
    """What the address says, else what was chosen before the visitor looked at another page."""
    kept: str | None = st.session_state.get(_memory(key))
    return st.query_params.get(key, kept)


def _write(key: str, text: str, first: str) -> None:
    """Bring the address up to date; the first choice is left out, to keep links short."""
    if text == first:
        st.query_params.pop(key, None)
        st.session_state.pop(_memory(key), None)
        return
    st.session_state[_memory(key)] = text
    if st.query_params.get(key) != text:
        st.query_params[key] = text


def _memory(key: str) -> str:
    """Of this page: Scale and Compare both ask for a method, and mean other things."""
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
PHI_SLIDER = "scale-phi"  # the key of the slider on the page Scale

# What each base can be raised to before the network at phi = 8 leaves what can be planned.
BASES = (
    (session.ALPHA, lazy_gettext("α, for depth"), PAPER_RULE.alpha, 1.5),
    (session.BETA, lazy_gettext("β, for width"), PAPER_RULE.beta, 1.4),
    (session.GAMMA, lazy_gettext("γ, for resolution"), PAPER_RULE.gamma, 1.3),
)


def choose_family() -> Family:
    """Which family is scaled."""
    tip = _("Lite has no squeeze-and-excitation, ReLU6 for SiLU, and a stem and a head that do not grow.")
    label, first = _("Family"), Family.EFFICIENTNET
    return choose_member(label, FAMILY_NAMES, session.FAMILY, first, bind="query-params", help=tip)


def choose_rule() -> ScalingRule:
    """alpha, beta and gamma, and a way back to the paper's; one out of its range leaves its sentence and the last one.

    The boxes have no limits of their own: with them, Streamlit keeps what is out of range from us, and says nothing.
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
    """The value where it is in its range, else the last one that was, with a sentence."""
    in_range = f"{key} in range"  # in the session
    if LEAST_BASE <= value <= most:
        st.session_state[in_range] = value
        return value
    kept: float = st.session_state.get(in_range, paper)
    text = _(
        "{base} is {value:g}: {least:g} to {most:g} is allowed, since Eq. 3 asks for at least 1 and the network at "
        "φ = 8 has to be one that can be planned. The rule keeps {kept:g}."
    ).format(base=_(label).partition(",")[0], value=value, least=LEAST_BASE, most=most, kept=kept)
    st.warning(text, icon=":material/info:")
    return kept


def show_above(solution: Solution, fixed_size: bool) -> None:
    """A button that moves the phi slider to the answer, where the slider has it."""
    scales_all = solution.method is ScalingMethod.COMPOUND and not fixed_size
    phi = step_below(solution.coefficient) if scales_all else None
    if not scales_all:
        why = _(
            "The slider scales all three at once: choose Compound and leave the input open to see the answer there."
        )
    elif phi is None:
        why = _("The answer lies beyond the ends of the slider.")
    else:
        why = _("φ = {phi:g}: the last position of the slider that fits the budget.").format(phi=phi)
    label, icon = _("Show it above"), ":material/arrow_upward:"
    st.button(label, key="show-above", icon=icon, help=why, disabled=phi is None, on_click=_show_above, args=(phi,))


def _show_above(phi: float) -> None:
    move_slider(PHI_SLIDER, phi)
    st.toast(_("The slider above shows φ = {phi:g}.").format(phi=phi))


def choose_budget() -> tuple[Budget, ScalingMethod]:
    """What may be spent, and how to grow."""
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
    """The menu of languages, which stands in the navigation; a click shows the same page in another language.

    Who reads a relative of the language that the browser asks for (Traditional instead of Simplified Chinese) has
    English beside it.
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
    """Tell browsers and screen readers the page's language; China, Japan and Taiwan share letters, but not forms."""
    tag = i18n.language_tag(i18n.current_language())
    st.html(f"<script>document.documentElement.lang = '{tag}'</script>", unsafe_allow_javascript=True)
