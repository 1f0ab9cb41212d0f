"""Which version of the paper is shown, in the sections whose numbers changed between versions."""

import streamlit as st

from effviz.facts import PaperVersion
from effviz.words import _

VERSION = "paper"  # key and name in the address, as on the Trade-off page


def choose() -> PaperVersion:
    """The version, and in one line what is different about it."""
    chosen = st.segmented_control(
        _("Version of the paper"),
        [str(version) for version in PaperVersion],
        default=str(PaperVersion.V5),
        key=VERSION,
        required=True,
        bind="query-params",
        help=_("Numbers that the authors changed are shown as this version prints them."),
    )
    return PaperVersion(chosen)
