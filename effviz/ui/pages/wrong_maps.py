"""Why does my Grad-CAM look wrong? Ten common mistakes, computed live, each beside the correct map."""

import streamlit as st

from effviz.i18n import _
from effviz.ui.compare import mistake_gallery
from effviz.ui.guard import guard

st.title(_("Why does my Grad-CAM look wrong?"))
text = _(
    "Ten common mistakes. Each pair of maps is computed live, by the same network on the same photo: first "
    "with the mistake, then without it, beside the line of code that fixes it."
)
st.markdown(text)
with guard():
    mistake_gallery.show()
