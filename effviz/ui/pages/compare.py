"""Compare: what differently scaled models look at."""

import streamlit as st

st.title("Compare")
