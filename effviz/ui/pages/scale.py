"""Scale: how one number makes a network deeper, wider and sharper at once."""

import streamlit as st

st.title("Scale")
