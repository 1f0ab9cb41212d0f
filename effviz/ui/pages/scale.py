"""Scale: how one number makes a network deeper, wider and sharper at once."""

import streamlit as st

from effviz.scaling import Family
from effviz.ui import cache, state
from effviz.ui.components.phi import Variant, phi_slider
from effviz.ui.guard import guard

st.title("Scale")
with guard():
    state.PHI.adopt()

table = cache.phi_table(1.2, 1.1, 1.15, Family.EFFICIENTNET)
state.PHI.put(phi_slider(table, state.PHI.get(), Variant.FULL, key="scale-phi"))
phi_slider(table, state.PHI.get(), Variant.COMPACT, key="scale-phi2")
