"""Texts for the choices of a selectbox, each different: Streamlit takes two with the same text for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

__all__ = ["distinct_texts"]


def distinct_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """``texts`` by key; to those that several have, the key is added: "CartPole-v1 · fast · seed 1 · 20260401-..."."""
    counts = Counter(texts.values())
    return {key: text if counts[text] == 1 else f"{text} · {key}" for key, text in texts.items()}
