"""Sections of the Paper page, and how each shows a figure: version, chart, files and the sources of its numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.column_types import ColumnConfig

from effviz.errors import SettingsError
from effviz.facts.paper_tables import PaperVersion
from effviz.facts.tables import credit, link
from effviz.i18n import _, lazy_gettext
from effviz.plots.paper_curves import FigureCurve
from effviz.plots.style import config, enlarge, slide
from effviz.ui import outputs
from effviz.ui.components.keys import BACK, keys
from effviz.ui.components.picture import Row, picture, save_csv
from effviz.ui.session import LESSON, PRESENT, Setting

# The sections, in the order of the paper's ideas; only the chosen one runs.

PILLS = "paper-section"


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page, drawn by `effviz.ui.paper.NAME.show()`."""

    name: str  # in the address; also the module's name
    label: str  # the idea and its place in the paper, for the section picker
    title: str
    step: int = 0  # the lesson step that asks about it; 0: none

    def show(self) -> None:
        """Draw the section, importing its module on first use."""
        import_module(f"effviz.ui.paper.{self.name}").show()


# First why networks are scaled as they are, then how, then the results.
SECTIONS = (
    Section("problem", lazy_gettext("The problem · Eq. 2"), lazy_gettext("The problem: best network within a budget")),
    Section("figure2", lazy_gettext("Ways to scale · Fig. 2"), lazy_gettext("Figure 2: four ways to scale B0"), 1),
    Section(
        "figure3",
        lazy_gettext("Each dimension saturates · Fig. 3"),
        lazy_gettext("Figure 3: scaling one dimension alone"),
        step=2,
    ),
    Section(
        "figure4",
        lazy_gettext("Balance pays · Fig. 4"),
        lazy_gettext("Figure 4: scaling width from four baselines"),
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
        lazy_gettext("Table 7 and Figure 8: four ways to spend about the same MACs"),
    ),
    Section("recipe", lazy_gettext("Training · section 5.2"), lazy_gettext("The training recipe")),
)
EXISTING = {section.name: section for section in SECTIONS}


def parse_section(text: str) -> str:
    """Return the section named in the address.

    Raises:
        SettingsError: There is no such section.
    """
    if text not in EXISTING:
        sentence = _("The link asks for the section {text!r}, which does not exist. Choose one above: {names}.")
        raise SettingsError(sentence.format(text=text[:40], names=", ".join(EXISTING)))
    return text


SECTION = Setting("section", next(iter(EXISTING)), parse_section, str)


def choose_section() -> Section:
    """Show the section picker and return the chosen section, which is kept in the address."""
    st.session_state[PILLS] = SECTION.get()
    st.pills(
        _("Section of the paper"),
        list(EXISTING),
        format_func=lambda name: _(EXISTING[name].label),
        key=PILLS,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: SECTION.put(st.session_state[PILLS]),
    )
    return EXISTING[SECTION.get()]


def show_section_links(section: Section) -> None:
    """Show buttons for the previous and next section and for the lesson step about this one."""
    place = SECTIONS.index(section)
    with st.container(horizontal=True, vertical_alignment="center"):
        if place:
            _section_button(SECTIONS[place - 1], "section-back", ":material/arrow_back:")
        if section.step:
            asked = _("Lesson, step {number}").format(number=section.step)
            if st.button(asked, key="section-lesson", icon=":material/school:"):
                LESSON.put(section.step)
                st.switch_page("effviz/ui/pages/lesson.py")
        if place + 1 < len(SECTIONS):
            _section_button(SECTIONS[place + 1], "section-next", ":material/arrow_forward:")
    keys({}, top_of=section.name)


def _section_button(to: Section, key: str, icon: str) -> None:
    st.button(_(to.label), key=key, icon=icon, on_click=SECTION.put, args=(to.name,))


# One figure.

TALL = 24  # longer tables scroll
T = TypeVar("T")
Style = Callable[["pd.Series[Any]"], list[str]]  # CSS for the cells of a row


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column of a table and of its CSV; the table sorts by the value, whatever its format."""

    value: Callable[[T], object]
    title: str | ColumnConfig = ""  # "": only in the CSV
    form: str | Callable[[float], str] | None = None  # "%.1f", or a function where no format string keeps a trailing 0


def table(curves: Sequence[FigureCurve], x: str, y: str) -> pd.DataFrame:
    """Return one row per point, in the figure's order; `x` and `y` name the two columns of numbers."""
    rows = [
        {
            "series": curve.title,
            "origin": str(curve.origin),
            "network": dot.name,
            x: dot.x,
            y: dot.y,
            "source": dot.source,
        }
        for curve in curves
        for dot in curve.dots
    ]
    return pd.DataFrame(rows)


def show_exhibit(name: str, chart: go.Figure, drawn: Sequence[Row] | pd.DataFrame, alt: str) -> None:
    """Show a figure with its files; `drawn` holds the plotted numbers, and `name` is the widget key and file name."""
    rows = pd.DataFrame(drawn)
    if alone := _alone.get():
        only, place = alone
        if name == only:
            sized = enlarge(chart, ROOM_TEXT_PX).update_layout(height=ROOM_HEIGHT_PX) if PRESENT.get() else chart
            place.plotly_chart(sized, key=name, config=config(f"effviz-{name}"), alt=alt)
            place.caption(credit_line(rows))
        return
    st.plotly_chart(chart, key=name, config=config(f"effviz-{name}"), alt=alt)
    with st.container(horizontal=True, vertical_alignment="center"):
        picture(name, slide(chart, _(figure_title(name)), credit_line(rows)), alone=name in FIGURES)
        save(name, rows)
        listed = "source" in rows and st.toggle(_("Points and sources"), key=f"{name}-points")
    if listed:  # the plotted numbers with links to their sources; same columns as the CSV
        opens = st.column_config.LinkColumn(_("Source"), display_text=_("open"), pinned=True)
        links = rows.assign(link=rows["source"].map(link))
        st.dataframe(links, hide_index=True, placeholder=outputs.MISSING, column_config={"link": opens})


def credit_line(rows: pd.DataFrame) -> str:
    """Return the line below a slide: the sources of its numbers, and the licence."""
    if "source" not in rows:
        return _("Counted and drawn by EffViz (Apache-2.0).")
    return _("Source: {names}. Drawn by EffViz (Apache-2.0).").format(names=credit(rows["source"]))


def frame(items: Iterable[T], columns: Mapping[str, Column[T]]) -> pd.DataFrame:
    """Return a table with one row per item."""
    return pd.DataFrame([{name: column.value(item) for name, column in columns.items()} for item in items])


def numbers(name: str, items: Iterable[T], columns: Mapping[str, Column[T]], style: Style | None = None) -> None:
    """Show a table with one row per item, and a button that saves it as CSV."""
    rows = frame(items, columns)
    show_rows(rows, columns, style, "content" if len(rows) <= TALL else "auto")
    save(name, rows)


def show_rows(
    rows: pd.DataFrame,
    columns: Mapping[str, Column[T]],
    style: Style | None = None,
    height: Literal["content", "auto"] = "auto",
) -> None:
    """Show a table with its first column pinned."""
    first = next(key for key, column in columns.items() if column.title)
    written: dict[str, Any] = {key: column.form for key, column in columns.items() if callable(column.form)}
    styled = rows.style.format(written, na_rep=outputs.MISSING)
    st.dataframe(
        styled.apply(style, axis=1) if style else styled if written else rows,
        hide_index=True,
        height=height,
        placeholder=outputs.MISSING,
        column_config={key: _config(column, key == first) for key, column in columns.items()},
    )


def _config(column: Column[T], first: bool) -> ColumnConfig | str | None:
    if not column.title or isinstance(column.title, dict):
        return column.title or None
    if column.form is None:
        return st.column_config.Column(column.title, pinned=first)
    form = None if callable(column.form) else column.form
    return st.column_config.NumberColumn(column.title, format=form, pinned=first)


def choose(label: str, options: Iterable[object], first: object, key: str, help: str | None = None) -> str:
    """Show a segmented control and return the choice; its labels are not translated and are kept in the address."""
    texts = [str(option) for option in options]
    chosen: str = st.segmented_control(
        label, texts, default=str(first), key=key, required=True, bind="query-params", help=help
    )
    return chosen


def log_axis() -> bool:
    """Show a toggle and return whether the cost axis is logarithmic."""
    help = _("Every doubling of the cost covers the same distance on the axis.")
    return st.toggle(_("Logarithmic axis"), key="log", bind="query-params", help=help)


def save(name: str, rows: pd.DataFrame) -> None:
    """Show a button that saves rows as CSV."""
    save_csv(name, rows, "CSV", _("The numbers in this figure, each with its source"))


def note(text: str) -> None:
    """Show what a reader should know before drawing conclusions."""
    st.info(text, icon=":material/info:")


def sources(*parts: tuple[str, str]) -> None:
    """Show the sources of a figure, and where to find the source of each point."""
    outputs.sources(*parts)
    text = _(
        "Filled markers: printed in the paper. Open markers: recomputed by EffViz. Hover over a marker to see its "
        "source, or see **Points and sources** and the CSV."
    )
    st.caption(text)


PRESENT_CSS: Final = Path(__file__).parents[1] / "present.css"


class NamedFigure(NamedTuple):
    """A figure with its own link."""

    section: str
    title: str = ""  # marked for translation; "" where the section has no other figure


# Figures that can be shown alone, each with its slide's title: that of its part of the section, or of the section.
FIGURES: Final = {
    "region": NamedFigure("problem", lazy_gettext("The feasible region")),
    "cut-of-region": NamedFigure("problem", lazy_gettext("A slice through the feasible region")),
    "figure3": NamedFigure("figure3"),
    "figure4": NamedFigure("figure4"),
    "objective": NamedFigure("objective"),
    "table1": NamedFigure("table1"),
    "second-step": NamedFigure("search", lazy_gettext("Step 2: from φ to B7")),
    "search-grid": NamedFigure("search", lazy_gettext("Step 1: which points double the MACs?")),
    "search-cost": NamedFigure("search", lazy_gettext("Step 1: which points double the MACs?")),
    "search-trials": NamedFigure("search", lazy_gettext("Step 1, run for real")),
    "search-accuracy": NamedFigure("search", lazy_gettext("Step 1, run for real")),
    "figure1": NamedFigure("results", lazy_gettext("Figure 1: accuracy versus size")),
    "figure5": NamedFigure("results", lazy_gettext("Figure 5: accuracy versus cost")),
    "table3": NamedFigure("table3"),
    "latency": NamedFigure("latency"),
    "table5": NamedFigure("transfer", lazy_gettext("Table 5: how much smaller, how much better")),
    "figure6": NamedFigure("transfer", lazy_gettext("Figure 6: accuracy versus size, one data set at a time")),
    "figure8": NamedFigure("table7", lazy_gettext("Figure 8: accuracy versus MACs, by scaling method")),
    "table7": NamedFigure("table7", lazy_gettext("Table 7: one network per scaling method")),
    "mini": NamedFigure("table7", lazy_gettext("Trained by this project")),
    "mini-learning": NamedFigure("table7", lazy_gettext("Trained by this project")),
    "learning-rate": NamedFigure("recipe", lazy_gettext("The learning rate")),
    "moving-average": NamedFigure("recipe", lazy_gettext("The saved weights: a moving average")),
    "dropout": NamedFigure("recipe", lazy_gettext("Larger networks are regularised more")),
    "stochastic-depth": NamedFigure("recipe", lazy_gettext("Larger networks are regularised more")),
    "activations": NamedFigure("recipe", lazy_gettext("SiLU instead of ReLU")),
}


def figure_title(name: str) -> str:
    """Return the title of a figure's slide, marked for translation."""
    figure = FIGURES.get(name, NamedFigure(SECTION.get()))
    return figure.title or EXISTING[figure.section].title


# One figure alone (`?embed=figure3`), to embed in another page or to project.

ROOM_HEIGHT_PX, ROOM_TEXT_PX = 860, 24  # on a projector of 1920 x 1080
# The figure's name and its container; None on the Paper page.
_alone: ContextVar[tuple[str, DeltaGenerator] | None] = ContextVar("figure alone", default=None)


def show_alone(name: str) -> None:
    """Run a figure's section but show only the figure.

    Raises:
        SettingsError: There is no such figure.
    """
    if name not in FIGURES:
        text = _("The link asks for the figure {name!r}, which does not exist. Choose one of {known}.")
        raise SettingsError(text.format(name=name[:40], known=", ".join(FIGURES)))
    PRESENT.adopt()
    st.html(PRESENT_CSS)
    section = EXISTING[FIGURES[name].section]
    st.session_state[SECTION.key] = section.name
    title, place = st.container(), st.container()
    title.subheader(_(figure_title(name)))
    token = _alone.set((name, place))
    try:
        with st.container(key="beside-the-figure"):
            section.show()
    finally:
        _alone.reset(token)
    keys({"Escape": BACK} if PRESENT.get() else {}, PRESENT.get())


def choose_version() -> PaperVersion:
    """Show a picker for the paper's version, in sections whose numbers differ between versions, and return it."""
    help = _("Numbers that the authors changed are shown as printed in this version.")
    return PaperVersion(
        choose(_("Version of the paper"), list(PaperVersion), PaperVersion.V5, "paper", help)
    )  # as on Trade-off
