"""The sections of the Paper page, in the order of its ideas; only the chosen one runs."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import streamlit as st

from effviz.errors import SettingsError
from effviz.i18n import _, lazy_gettext
from effviz.ui.components.keys import keys
from effviz.ui.session import LESSON, Setting

PILLS = "paper-section"


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page, drawn by `effviz.ui.paper.NAME.show()`."""

    name: str  # in the address, and the module's
    label: str  # the idea and where the paper has it, for the row of sections
    title: str
    step: int = 0  # of the lesson that asks about it; 0: none

    def show(self) -> None:
        """Draw the section; its module is loaded when it is first looked at."""
        import_module(f"effviz.ui.paper.{self.name}").show()


# First why networks are scaled as they are, then how, then what came of it.
SECTIONS = (
    Section("problem", lazy_gettext("The problem · Eq. 2"), lazy_gettext("The problem: the best network in a budget")),
    Section(
        "figure2", lazy_gettext("Ways to grow · Fig. 2"), lazy_gettext("Figure 2: five ways to grow a network"), step=1
    ),
    Section(
        "figure3",
        lazy_gettext("Each dimension saturates · Fig. 3"),
        lazy_gettext("Figure 3: one dimension alone"),
        step=2,
    ),
    Section(
        "figure4",
        lazy_gettext("Balance pays · Fig. 4"),
        lazy_gettext("Figure 4: the same width from four starting networks"),
        step=3,
    ),
    Section(
        "objective",
        lazy_gettext("How B0 was found · section 4"),
        lazy_gettext("How B0 was found: accuracy weighed against MACs"),
        step=5,
    ),
    Section(
        "table1", lazy_gettext("The baseline B0 · Table 1"), lazy_gettext("Table 1: EfficientNet-B0, stage by stage")
    ),
    Section(
        "search",
        lazy_gettext("Two steps to B7 · Eq. 3"),
        lazy_gettext("Two-step scaling: a grid search, then one number"),
        step=6,
    ),
    Section(
        "results",
        lazy_gettext("ImageNet · Table 2, Figs. 1, 5"),
        lazy_gettext("Table 2, Figures 1 and 5: the results on ImageNet"),
        step=8,
    ),
    Section(
        "table3", lazy_gettext("Other networks · Table 3"), lazy_gettext("Table 3: other networks, scaled the same way")
    ),
    Section("latency", lazy_gettext("Latency · Table 4"), lazy_gettext("Table 4: latency on this machine")),
    Section(
        "transfer",
        lazy_gettext("Transfer · Tables 5, 6, Fig. 6"),
        lazy_gettext("Tables 5 and 6, Figure 6: transfer to other data sets"),
    ),
    Section(
        "figure7",
        lazy_gettext("What networks look at · Fig. 7"),
        lazy_gettext("Figure 7: what differently scaled networks look at"),
        step=7,
    ),
    Section(
        "table7",
        lazy_gettext("Four ways compared · Table 7, Fig. 8"),
        lazy_gettext("Table 7 and Figure 8: four ways to spend about the same"),
    ),
    Section("recipe", lazy_gettext("Training · section 5.2"), lazy_gettext("The training recipe")),
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


def show_way(section: Section) -> None:
    """Previous, next, and the step of the lesson that asks about this section."""
    names = list(EXISTING)
    place = names.index(section.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        if place:
            _button(EXISTING[names[place - 1]], "section-back", ":material/arrow_back:")
        if section.step:
            asked = _("Lesson, step {number}").format(number=section.step)
            if st.button(asked, key="section-lesson", icon=":material/school:"):
                LESSON.put(section.step)
                st.switch_page("effviz/ui/pages/lesson.py")
        if place + 1 < len(names):
            _button(EXISTING[names[place + 1]], "section-next", ":material/arrow_forward:")
    keys({}, top_of=section.name)


def _button(to: Section, key: str, icon: str) -> None:
    st.button(_(to.label), key=key, icon=icon, on_click=SECTION.put, args=(to.name,))


def _chosen() -> None:
    SECTION.put(st.session_state[PILLS])
