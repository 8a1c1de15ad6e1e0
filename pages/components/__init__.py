"""Parts of pages: forms, controls, pickers. They draw with Streamlit and keep no state of a run."""
