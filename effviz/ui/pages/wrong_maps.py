"""Why does my Grad-CAM look wrong? Ten common mistakes, live, each beside the right map."""

import streamlit as st

from effviz.i18n import _
from effviz.ui.compare import mistake_gallery
from effviz.ui.guard import guard

st.title(_("Why does my Grad-CAM look wrong?"))
text = _(
    "Ten common mistakes. Each pair of maps is computed now, by the same network on the same photo: first "
    "with the mistake, then without it, and with the line of code that mends it."
)
st.markdown(text)
with guard():
    mistake_gallery.show()
