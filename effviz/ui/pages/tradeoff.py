"""Trade-off: what accuracy costs."""

import streamlit as st

st.title("Trade-off")
