"""The web app: everything that imports Streamlit."""
