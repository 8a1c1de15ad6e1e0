"""What may be predicted of a lesson, in words."""

from __future__ import annotations

from collections.abc import Callable

from dqn_core.errors import mark
from dqn_core.lessons.lesson import Lesson
from pages.shared.texts.i18n import _

__all__ = ["NO_DIFFERENCE", "choice_text", "choices"]

NO_DIFFERENCE = -1
_NO_DIFFERENCE_TEXT = mark("no clear difference")


def choices(lesson: Lesson) -> list[int]:
    """What may be predicted: one of the variants, or no clear difference."""
    return [*range(len(lesson.labels)), NO_DIFFERENCE]


def choice_text(lesson: Lesson, choice: int, say: Callable[[str], str] = _) -> str:
    """A choice in the reader's language."""
    return say(_NO_DIFFERENCE_TEXT if choice == NO_DIFFERENCE else lesson.labels[choice])
