"""The app's entry point: `streamlit run app.py`. Everything else is in `effviz/`."""

from pathlib import Path

import streamlit as st

from effviz import settings
from effviz.i18n import _
from effviz.ui import inputs, job_queue, session, startup
from effviz.ui.guard import last_guard
from effviz.zoo import loading

HERE = Path(__file__).parent
PAGES = "effviz/ui/pages"  # relative to this file's folder, as st.Page expects

startup.send_at_once()
startup.shorten_log()
startup.bound_uploads()
job_queue.bound_decoders()
session.adopt_language()
st.set_page_config(page_title="EffViz", page_icon=settings.SHIPPED / "assets/icon.png", layout="wide")
st.logo(settings.SHIPPED / "assets/logo.svg", size="large")
st.html(HERE / "effviz/ui/style.css")
for script in ("keyboard", "navigation"):
    st.html(HERE / f"effviz/ui/{script}.html", unsafe_allow_javascript=True)
inputs.tell_language()
page = st.navigation(
    [
        st.Page(f"{PAGES}/lesson.py", title=_("Lesson"), icon=":material/school:", url_path="lesson"),
        st.Page(f"{PAGES}/compare.py", title=_("Compare"), icon=":material/grid_view:", default=True),
        st.Page(f"{PAGES}/scale.py", title=_("Scale"), icon=":material/open_in_full:"),
        st.Page(f"{PAGES}/tradeoff.py", title=_("Trade-off"), icon=":material/scatter_plot:", url_path="tradeoff"),
        st.Page(f"{PAGES}/evaluate.py", title=_("Evaluate"), icon=":material/analytics:", url_path="evaluate"),
        st.Page(f"{PAGES}/paper.py", title=_("Paper"), icon=":material/menu_book:", url_path="paper"),
        st.Page(f"{PAGES}/glossary.py", title=_("Glossary"), icon=":material/dictionary:", url_path="glossary"),
        st.Page(
            f"{PAGES}/wrong_maps.py",
            title=_("Why does my Grad-CAM look wrong?"),
            url_path="wrong_maps",
            visibility="hidden",  # Compare links to it
        ),
    ],
    position="top",
)
with last_guard():
    if figure := session.asked_figure():
        from effviz.ui.paper.exhibit import show_alone  # imports Plotly, which other pages may not need yet

        show_alone(figure)
    else:
        inputs.choose_language()
        page.run()
loading.freeze_garbage_collection()  # the page may have imported pandas
job_queue.bound_decoders().start()  # only now, because showing the visitor's page needs the processor first
