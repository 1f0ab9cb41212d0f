"""Show typed values on the screen."""

import re
from collections.abc import Sequence

import streamlit as st

from effviz.facts import tables
from effviz.i18n import _, typeset
from effviz.scaling import BudgetKind, Plan, ScalingMethod, ScalingRule, Solution, plan
from effviz.scaling.published import Published, implied_phi
from effviz.scaling.solver import UNITS
from effviz.ui.inputs import BUDGET_NAMES, METHOD_NAMES

PAPER, OFFICIAL_CODE = tables.PAPER_URL, tables.OFFICIAL_CODE_URL
KERAS_GUIDE = "https://keras.io/examples/vision/image_classification_efficientnet_fine_tuning/"
MOST_MISSED_PCT = 5.0  # deviation from the rule's constraint before a warning; the paper's own values miss it by 4
Row = dict[str, str]
NO_BREAK = "\N{NO-BREAK SPACE}"
MISSING = "\N{EM DASH}"  # in cells without a number; the section explains why


def amount(value: float, unit: str = "") -> str:
    """Format with three digits and a decimal prefix: `5.29 M`, `1.83 B`, `10.5 MB`."""
    divisor, prefix = (1e9, "B" if not unit else "G") if value >= 1e9 else (1e6, "M")
    scaled = value / divisor
    return f"{scaled:.{0 if scaled >= 100 else 1 if scaled >= 10 else 2}f} {prefix}{unit}"


def printed(value: float) -> str:
    """Format with two significant digits like the paper, or three if needed: `0.70`, `1.0`, `26`."""
    if value >= 100:
        return f"{value:.0f}"
    two, three = (f"{value:#.{digits}g}".removesuffix(".") for digits in (2, 3))
    return two if float(two) == value else three


def times(ratio: float) -> str:
    """Format a ratio like the paper: `3.0×`, `21×`; a ratio of 1 is `1×`."""
    return "1×" if ratio == 1 else f"{printed(ratio)}×"


def duration(seconds: float) -> str:
    """Format a duration: `40 s`, `3 min`."""
    if seconds < 90:
        return _("{seconds:.0f} s").format(seconds=max(1, seconds))
    return _("{minutes:.0f} min").format(minutes=seconds / 60)


def plain(text: str) -> str:
    """Escape foreign text, such as a file name, so that Markdown shows it literally."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])", r"\\\1", text)


def sources(*links: tuple[str, str]) -> None:
    """Show the sources of a section's numbers."""
    st.caption(_("Source: {links}").format(links=" · ".join(f"[{text}]({url})" for text, url in links)))


MOST_SENTENCES = 3  # of a caption; the rest goes into an expander


def caption(notes: Sequence[str]) -> None:
    """Show notes on reading a figure: three below it, and the rest in an expander."""
    st.caption(" ".join(notes[:MOST_SENTENCES]))
    if further := notes[MOST_SENTENCES:]:
        with st.expander(_("More about this figure")):
            st.markdown("\n".join(f"- {note}" for note in further))


def rule(rule: ScalingRule) -> None:
    """Show the paper's formula with the value of its constraint."""
    formula()
    st.latex(rf"\alpha\cdot\beta^{{2}}\cdot\gamma^{{2}} = {rule.constraint:.3f}")
    text = _(
        "MACs grow linearly with depth and with the square of width and of resolution, so each step of φ "
        "multiplies them by {factor:.3f} before rounding. The paper requires about 2; its own rates give 1.920."
    )
    st.markdown(text.format(factor=rule.constraint))
    if (miss := abs(rule.constraint_miss_pct)) > MOST_MISSED_PCT:
        missed = _(
            "α·β²·γ² = {constraint:.3f} is {miss:.0f} % off the paper's 2: φ no longer counts doublings of MACs."
        )
        st.warning(missed.format(constraint=rule.constraint, miss=miss), icon=":material/info:")
    sources((_("paper, section 3.3, Eq. 3"), PAPER))


def formula() -> None:
    """Show the formulas of depth, width and resolution in φ."""
    depth, width, resolution = _("depth"), _("width"), _("resolution")
    st.latex(
        rf"\begin{{aligned}} \text{{{depth}}}\quad d &= \alpha^{{\phi}} \\"
        rf" \text{{{width}}}\quad w &= \beta^{{\phi}} \\"
        rf" \text{{{resolution}}}\quad r &= \gamma^{{\phi}} \end{{aligned}}"
    )


def _table(rows: Sequence[Row]) -> None:
    """Show a table whose cells do not wrap; on a narrow screen, it scrolls on its own."""
    unbroken = [{head: cell.replace(" ", NO_BREAK) for head, cell in row.items()} for row in rows]
    st.table(unbroken, border="horizontal", hide_index=True)


def published_table(networks: Sequence[Published], rule: ScalingRule) -> None:
    """Show the published coefficients and the phi that each implies."""
    rows = []
    for network in networks:
        implied = implied_phi(network, rule)
        cost = plan(network.depth, network.width, network.resolution, network.family)
        row = {
            _("Network"): f"**{network.name.title()}**",
            _("Depth"): f"{network.depth:.1f}",
            _("Width"): f"{network.width:.1f}",
            _("Input"): f"{network.resolution} px",
            _("φ of depth"): _phi(implied.depth),
            _("φ of width"): _phi(implied.width),
            _("φ of input"): _phi(implied.resolution),
            _("Params"): amount(cost.params),
            _("MACs"): amount(cost.macs),
        }
        rows.append(row)
    _table(rows)


def _phi(value: float | None) -> str:
    return _("none") if value is None else typeset(f"{value:.2f}")


def stage_table(before: Plan, after: Plan) -> None:
    """Show Table 1 of the paper before and after scaling."""
    rows = [
        {
            _("Stage"): str(new.stage),
            _("Operator"): new.operator,
            _("Input"): _change(f"{old.in_resolution}²", f"{new.in_resolution}²"),
            _("Channels"): _change(str(old.channels), str(new.channels)),
            _("Layers"): _change(str(old.layers), str(new.layers)),
            _("Params"): _change(f"{old.params:,}", f"{new.params:,}"),
            _("MACs"): _change(amount(old.macs), amount(new.macs)),
        }
        for old, new in zip(before.stages, after.stages, strict=True)
    ]
    _table(rows)


def _change(old: str, new: str) -> str:
    return new if old == new else f"{old} → **{new}**"


def solutions_table(solutions: Sequence[Solution]) -> None:
    """Show networks that meet the same budget by different methods."""
    left = [_("{left} (cannot grow further)") if solution.at_limit else "{left}" for solution in solutions]
    rows = [
        {
            _("What grows"): f"**{_(METHOD_NAMES[solution.method])}**",
            _("Coefficient"): _coefficient(solution),
            _("Depth"): f"×{solution.plan.depth:.2f}",
            _("Width"): f"×{solution.plan.width:.2f}",
            _("Input"): f"{solution.plan.resolution} px",
            _("Params"): amount(solution.plan.params),
            _("MACs"): amount(solution.plan.macs),
            _("Activation memory"): amount(solution.plan.peak_activation_bytes, "B"),
            _("Left over"): text.format(left=f"{solution.miss_pct:.1f} %"),
        }
        for solution, text in zip(solutions, left, strict=True)
    ]
    _table(rows)


def _coefficient(solution: Solution) -> str:
    sign = "φ = " if solution.method is ScalingMethod.COMPOUND else "×"
    return sign + typeset(f"{solution.coefficient:.2f}")


def solution(solution: Solution) -> None:
    """Show the answer of the budget solver, and how much of the budget is left."""
    network, budget = solution.plan, solution.budget
    unit = "B" if budget.kind is BudgetKind.ACTIVATION_MEMORY else ""
    with st.container(horizontal=True, gap="large"):
        st.metric(_(METHOD_NAMES[solution.method]), _coefficient(solution), width="content")
        st.metric(_("Depth"), f"×{network.depth:.2f}", width="content")
        st.metric(_("Width"), f"×{network.width:.2f}", width="content")
        st.metric(_("Input"), f"{network.resolution} px", width="content")
        used = _("{cost} used").format(cost=_(BUDGET_NAMES[budget.kind]))
        st.metric(used, amount(solution.reached, unit), width="content")
        st.metric(_("Left over"), f"{solution.miss_pct:.2f} %", width="content")
    reason = _("Channels and blocks grow in whole steps, and the next step would exceed the budget.")
    if solution.at_limit:
        reason = _("Growth stops here at the largest size that EffViz plans, not at the budget.")
    spent = _("{reached:,} of {amount:,.0f} {unit} used. {rest}")
    st.caption(spent.format(reached=solution.reached, amount=budget.amount, unit=_(UNITS[budget.kind]), rest=reason))
