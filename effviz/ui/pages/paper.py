"""Paper: every figure and table of EfficientNet, to be touched."""

import streamlit as st

from effviz.i18n import _
from effviz.ui import glossary
from effviz.ui.guard import guard
from effviz.ui.paper import exhibit
from effviz.ui.session import adopt

st.title(_("The EfficientNet paper, figure by figure"))
text = _(
    "Every figure and table of [the paper](https://arxiv.org/abs/1905.11946) (Tan and Le, 2019), interactive. What the "
    "paper **prints** and what EffViz **recomputes** are never mixed."
)
st.markdown(text, help=glossary.tip("macs"))
adopt(exhibit.SECTION)
section = exhibit.choose_section()
st.header(_(section.title), divider="gray")
with guard():
    section.show()
st.divider()
exhibit.show_section_links(section)
