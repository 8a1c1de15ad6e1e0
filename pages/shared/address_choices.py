"""Choices that stand in the address, so that a link, a reload or another device shows the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.shared.held_values import held_key, hold
from pages.shared.texts.distinct_texts import distinct_texts

__all__ = ["AddressChoice", "AddressFlag", "AddressNumber", "AddressText", "address_select"]


_LONGEST_TEXT = 4_000
_MOST_DIGITS = 18
"""A longer number in an address is taken for none: Python reads none of thousands of digits."""


@dataclass(frozen=True)
class AddressChoice:
    """One of a few words, for a widget with ``key=choice.hold()`` and ``on_change=choice.take``."""

    name: str
    """In the address."""
    values: tuple[str, ...]
    """The first is meant where the address has none of them, and is left out of it."""

    @property
    def value(self) -> str:
        """The word in the address."""
        given = st.query_params.get(self.name)
        return given if given in self.values else self.values[0]

    def hold(self) -> str:
        """Let the widget show the address's word; gives the widget's key."""
        return hold(_widget(self.name), self.value)

    def take(self) -> None:
        """Write into the address what the widget shows."""
        _write(self.name, st.session_state.get(held_key(_widget(self.name)), self.value), self.values[0])


def address_select(name: str, label: str, texts: Mapping[str, str], default: str, **look: Any) -> str:
    """A selectbox over the keys of ``texts``, shown by their texts; its choice stands in the address as ``name``."""
    texts = distinct_texts(texts)
    choice = AddressChoice(name, (default, *(each for each in texts if each != default)))
    st.selectbox(
        label,
        list(texts),
        format_func=texts.__getitem__,
        key=choice.hold(),
        persist_state="page",
        on_change=choice.take,
        **look,
    )
    return choice.value


@dataclass(frozen=True)
class AddressFlag:
    """Yes or no, in the address as 1 or 0, for a widget as with :class:`AddressChoice`."""

    name: str
    default: bool = False

    @property
    def value(self) -> bool:
        """What the address says."""
        return {"0": False, "1": True}.get(st.query_params.get(self.name, ""), self.default)

    def hold(self) -> str:
        """Let the widget show what the address says; gives the widget's key."""
        return hold(_widget(self.name), self.value)

    def take(self) -> None:
        """Write into the address what the widget shows."""
        shown = st.session_state.get(held_key(_widget(self.name)), self.value)
        _write(self.name, str(int(shown)), str(int(self.default)))


@dataclass(frozen=True)
class AddressNumber:
    """A whole number from ``low`` to ``high``, for a widget as with :class:`AddressChoice`."""

    name: str
    default: int
    low: int
    high: int

    @property
    def value(self) -> int:
        """The number in the address, or the nearest that is allowed."""
        given = st.query_params.get(self.name, "")
        is_number = given.isascii() and given.isdecimal() and len(given) <= _MOST_DIGITS
        return min(self.high, max(self.low, int(given))) if is_number else self.default

    def hold(self) -> str:
        """Let the widget show the address's number; gives the widget's key."""
        return hold(_widget(self.name), self.value)

    def take(self) -> None:
        """Write into the address what the widget shows."""
        _write(self.name, str(st.session_state.get(held_key(_widget(self.name)), self.value)), str(self.default))


@dataclass(frozen=True)
class AddressText:
    """A line of text, for a widget as with :class:`AddressChoice`; empty where the address has none."""

    name: str

    @property
    def value(self) -> str:
        """The text in the address."""
        return st.query_params.get(self.name, "")[:_LONGEST_TEXT]

    def hold(self) -> str:
        """Let the widget show the address's text; gives the widget's key."""
        return hold(_widget(self.name), self.value)

    def take(self) -> None:
        """Write into the address what the widget shows."""
        _write(self.name, str(st.session_state.get(held_key(_widget(self.name))) or "").strip(), "")


def _widget(name: str) -> str:
    return f"address:{name}"


def _write(name: str, value: str, default: str) -> None:
    if value != default:
        st.query_params[name] = value
    elif name in st.query_params:
        del st.query_params[name]
