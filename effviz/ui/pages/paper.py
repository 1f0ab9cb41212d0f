"""Paper page: every figure and table of the EfficientNet paper, interactive."""

import streamlit as st

from effviz.i18n import _
from effviz.ui import glossary
from effviz.ui.guard import guard
from effviz.ui.paper import exhibit
from effviz.ui.session import adopt

st.title(_("The EfficientNet paper, figure by figure"))
text = _(
    "Interactive versions of every figure and table in [the paper](https://arxiv.org/abs/1905.11946) (Tan and Le, "
    "2019). Numbers that the paper **prints** and numbers that EffViz **recomputes** are never mixed."
)
st.markdown(text, help=glossary.tip("macs"))
adopt(exhibit.SECTION)
section = exhibit.choose_section()
st.header(_(section.title), divider="gray")
with guard():
    section.show()
st.divider()
exhibit.show_section_links(section)
