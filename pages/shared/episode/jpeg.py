"""JPEG pictures that are a part of the page."""

from __future__ import annotations

import base64

__all__ = ["jpeg_address"]


def jpeg_address(jpeg: bytes) -> str:
    """An address that holds the picture itself, for ``st.image``.

    Streamlit forgets pictures that it serves when their page is left: a browser that asks for one then is told 404.
    """
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
