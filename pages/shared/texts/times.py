"""Days and times as the reader writes them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from babel.dates import format_skeleton, format_time

from pages.shared.texts.i18n import current_language

__all__ = ["time_text"]


def time_text(moment: datetime) -> str:
    """``Apr 1 14:35`` in the reader's time zone and language."""
    zone, language = _time_zone(), current_language()
    day = format_skeleton("MMMd", moment, zone, locale=language)
    return f"{day} {format_time(moment, 'HH:mm', zone, language)}"


def _time_zone() -> tzinfo:
    """The reader's time zone; UTC where the browser does not say, or says one that is unknown here."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ValueError, ZoneInfoNotFoundError):
        return UTC
