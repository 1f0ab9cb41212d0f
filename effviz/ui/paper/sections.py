"""The sections of the Paper page, in the paper's order; only the chosen one runs."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import streamlit as st

from effviz.errors import SettingsError
from effviz.i18n import _, lazy_gettext
from effviz.ui.session import Setting

PILLS = "paper-section"


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page, drawn by `effviz.ui.paper.NAME.show()`."""

    name: str  # in the address, and the module's
    label: str  # short, for the row of sections
    title: str

    def show(self) -> None:
        """Draw the section; its module is loaded when it is first looked at."""
        import_module(f"effviz.ui.paper.{self.name}").show()


SECTIONS = (
    Section("problem", lazy_gettext("The problem"), lazy_gettext("The problem: the best network within a budget")),
    Section("figure2", lazy_gettext("Fig. 2"), lazy_gettext("Figure 2: five ways to grow a network")),
    Section("figure3", lazy_gettext("Fig. 3"), lazy_gettext("Figure 3: one dimension alone")),
    Section(
        "figure4", lazy_gettext("Fig. 4"), lazy_gettext("Figure 4: the same width pays more on a balanced network")
    ),
    Section("table1", lazy_gettext("Table 1"), lazy_gettext("Table 1: EfficientNet-B0, stage by stage")),
    Section(
        "objective", lazy_gettext("Search objective"), lazy_gettext("How B0 was found: accuracy weighed against MACs")
    ),
    Section("search", lazy_gettext("Two steps"), lazy_gettext("Two-step scaling: a grid search, then one number")),
    Section(
        "results",
        lazy_gettext("Table 2, Figs. 1, 5"),
        lazy_gettext("Table 2, Figures 1 and 5: the results on ImageNet"),
    ),
    Section("table3", lazy_gettext("Table 3"), lazy_gettext("Table 3: other networks, scaled the same way")),
    Section("latency", lazy_gettext("Table 4"), lazy_gettext("Table 4: latency on this machine")),
    Section(
        "table7",
        lazy_gettext("Table 7, Fig. 8"),
        lazy_gettext("Table 7 and Figure 8: four ways to spend about the same"),
    ),
    Section("figure7", lazy_gettext("Fig. 7"), lazy_gettext("Figure 7: what differently scaled networks look at")),
    Section("recipe", lazy_gettext("Recipe"), lazy_gettext("The training recipe")),
    Section(
        "transfer",
        lazy_gettext("Tables 5, 6, Fig. 6"),
        lazy_gettext("Tables 5 and 6, Figure 6: transfer to other data sets"),
    ),
)
EXISTING = {section.name: section for section in SECTIONS if find_spec(f"effviz.ui.paper.{section.name}")}


def parse(text: str) -> str:
    """The name of a section, as the address has it.

    Raises:
        SettingsError: There is no such section.
    """
    if text not in EXISTING:
        raise SettingsError(
            _("The link asks for the section {text!r}: the sections are {names}. Choose one of them above.").format(
                text=text[:40], names=", ".join(EXISTING)
            )
        )
    return text


SECTION = Setting("section", next(iter(EXISTING)), parse, str)


def choose() -> Section:
    """The row of sections; the chosen one stands in the address."""
    st.session_state[PILLS] = SECTION.get()
    st.pills(
        _("Section of the paper"),
        list(EXISTING),
        format_func=lambda name: _(EXISTING[name].label),
        key=PILLS,
        required=True,
        label_visibility="collapsed",
        on_change=_chosen,
    )
    return EXISTING[SECTION.get()]


def _chosen() -> None:
    SECTION.put(st.session_state[PILLS])
