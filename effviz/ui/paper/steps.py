"""Step 2 of two-step scaling, the last part of that section: the formula beside the published coefficients."""

import pandas as pd
import streamlit as st

from effviz.facts import PaperVersion
from effviz.facts.steps import GUESS_URL, second_steps
from effviz.plots.steps import figure, second_step
from effviz.scaling.blocks import BASE_RESOLUTION_PX
from effviz.ui import outputs
from effviz.ui.paper.exhibit import Column, exhibit, numbers, table
from effviz.words import _


def show() -> None:
    """Draw the part."""
    st.markdown(
        _(
            "With α, β and γ fixed, one number should give every larger network. The published coefficients follow the "
            "formula at first and then stay below it in depth: B7 is 3.1 times as deep as B0, not 1.2⁷ = 3.58 times."
        )
    )
    drawn = second_step()
    last = second_steps()[-1]
    alt = _(
        "Line chart of depth, width and resolution over φ, formula and published. {name}: depth {depth:g} published, "
        "{formula:.2f} by the formula."
    ).format(name=last.name, depth=last.published.depth, formula=last.formula.depth)
    exhibit("second-step", figure(), table(drawn, "phi", "times_b0"), alt)
    outputs.sources(
        (_("formula: paper, Eq. 3"), PaperVersion.V5.url),
        (_("published: official code"), outputs.OFFICIAL_CODE),
        (_("φ: guessed by a user"), GUESS_URL),
    )
    _steps(_step_rows())
    st.caption(
        _(
            "The paper never lists a φ. The guess of B3 to B7 is rough, as its author says; the last columns say which "
            "φ each published dimension asks for, and they disagree. The authors have not explained it."
        )
    )


def _step_rows() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "network": step.name,
                "phi_guessed": step.phi,
                "depth_formula": step.formula.depth,
                "depth_published": step.published.depth,
                "width_formula": step.formula.width,
                "width_published": step.published.width,
                "resolution_px_formula": BASE_RESOLUTION_PX * step.formula.resolution,
                "resolution_px_published": step.published.resolution,
                "phi_of_depth": step.implied.depth,
                "phi_of_width": step.implied.width,
                "phi_of_resolution": step.implied.resolution,
                "source": step.source,
            }
            for step in second_steps()
        ]
    )


def _steps(rows: pd.DataFrame) -> None:
    columns: dict[str, Column] = {
        "network": _("Network"),
        "phi_guessed": (_("φ, guessed"), "%.1f"),
        "depth_formula": (_("Depth, formula"), "×%.2f"),
        "depth_published": (_("Depth, published"), "×%.1f"),
        "width_formula": (_("Width, formula"), "×%.2f"),
        "width_published": (_("Width, published"), "×%.1f"),
        "resolution_px_formula": (_("Input, formula"), "%.0f px"),
        "resolution_px_published": (_("Input, published"), "%d px"),
        "phi_of_depth": (_("φ of depth"), "%.2f"),
        "phi_of_width": (_("φ of width"), "%.2f"),
        "phi_of_resolution": (_("φ of input"), "%.2f"),
    }
    numbers("second-step-rows", rows, columns)
