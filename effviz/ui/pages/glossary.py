"""Glossary: what the technical terms of the other pages mean."""

import streamlit as st

from effviz.i18n import _
from effviz.ui.glossary import GROUPS, line

st.title(_("Glossary"))
st.markdown(_("What the terms on the other pages mean, in a sentence or two each."))
for group, terms in GROUPS.items():
    st.header(_(group), divider="gray")
    st.markdown("\n".join(f"- {line(term)}" for term in terms.values()))
