"""Compare page: what differently scaled EfficientNets look at in the visitor's own photos."""

# ruff: noqa: E402
import streamlit as st

from effviz.i18n import _

# On a fresh server the other imports take a second; show the title first.
st.title(_("What do differently scaled EfficientNets look at?"))

from effviz.explain.cam_methods import CAM_METHODS
from effviz.ui import session
from effviz.ui.compare import (
    display_settings,
    grid_data,
    map_cells,
    model_picker,
    photo_grid,
    photo_picker,
    resolution_axis,
    sharing,
)

session.adopt(session.MODELS, session.SAMPLES, session.PHI)
display_settings.adopt_display()
sharing.adopt_link()

photo_fold, model_fold, explained, method_fold = display_settings.lay_out_strip()
refs = model_picker.existing_models()
with photo_fold.body:
    photos = photo_picker.choose_photos()
sharing.settle_class()
with model_fold.body:
    entrants = model_picker.choose_models(refs)
with method_fold.body:
    choice = display_settings.choose_explanation()
    looked = display_settings.choose_display()
photo_fold.say([photo.name for photo in photos])
model_fold.say([entrant.card.ref.label for entrant in entrants])
method_fold.say([_(CAM_METHODS[choice.method].title), _(display_settings.LAYERS[choice.layer])])
ready = [entrant for entrant in entrants if entrant.card.availability.available]
sharing.show_awaited()

place = st.container(key="grid")
with st.container(horizontal=True):
    st.page_link("effviz/ui/pages/lesson.py", label=_("New to scaling? Eight questions"), icon=":material/school:")
    wrong_maps = "effviz/ui/pages/wrong_maps.py"
    st.page_link(wrong_maps, label=_("Why does my Grad-CAM look wrong?"), icon=":material/help:")

entries: list[map_cells.MapCell | map_cells.MapGap] = []
shown: list[map_cells.MapCell] = []
with place:
    if not photos:
        st.info(_("No photo is chosen: pick a sample under Photos, or drop in your own."))
    elif not entrants:
        st.info(_("No model is chosen: pick a comparison under Models, or type a name such as lite0@224."))
    elif ready and display_settings.confirm_slow_method(choice, [entrant.card for entrant in ready], len(photos)):
        with st.container():  # holds the progress bar, so that the grid keeps its position and its zoom
            entries = map_cells.compute_cells(photos, ready, choice)
        shown = [entry for entry in entries if isinstance(entry, map_cells.MapCell)]
        with explained:
            display_settings.choose_class(map_cells.guessed_classes(entries))
        above = st.container()  # filled last: the notice needs a pass over the photos, and the maps should not wait
        photo_grid.show(entries, choice, looked)
        st.caption(_(CAM_METHODS[choice.method].reading))
        if map_cells.awaited(entries):  # show the finished maps; the next run of the page computes the next one
            st.rerun()
        photo_grid.show_same_methods(shown, choice)
        with above:
            photo_grid.show_out_of_domain(shown)
    model_picker.show_missing_weights(entrants)

if not entries:
    with explained:
        display_settings.choose_class(())
# After the maps: the phi strip plans 200 networks, and the browser needs a second to load the plotting code.
left, right = st.columns(2, gap="large")
with left:
    family = model_picker.show_phi_strip()
with right:
    model_picker.show_accuracy([entrant.card.ref for entrant in entrants], family)
if entrants:
    st.header(_("The models in numbers"), divider="gray")
    grid_data.show_model_table([entrant.card for entrant in entrants])
if shown:
    st.header(_("One axis, live: the input size"), divider="gray")
    resolution_axis.show(shown, choice)
    # Imported here: Plotly takes a moment to import, and maps do not need it.
    from effviz.ui.compare import faithfulness, sanity_check

    st.header(_("How much the maps agree"), divider="gray")
    grid_data.show_agreements([cell.map for cell in shown])
    st.header(_("The same photo with other methods"), divider="gray")
    photo_grid.show_methods(shown, looked)
    st.header(_("Is the map faithful?"), divider="gray")
    faithfulness.show(shown)
    st.header(_("Does a map depend on what the model learnt?"), divider="gray")
    sanity_check.show(shown)
    st.header(_("Take it home"), divider="gray")
    photo_grid.show_downloads(entries, choice, looked)
