"""Every cache of the app: bounded, and keyed by content alone."""

import streamlit as st

from effviz.scaling import Family, ScalingRule
from effviz.ui.components.phi import table
from effviz.ui.components.phi.table import PhiTable


@st.cache_data(max_entries=32, show_spinner=False)
def phi_table(alpha: float, beta: float, gamma: float, family: Family) -> PhiTable:
    """The networks along the phi slider; 200 plans, a few tenths of a second the first time."""
    return table.phi_table(ScalingRule(alpha, beta, gamma), family)
