"""Names of a network's layers, the same wherever they are listed or drawn."""

from __future__ import annotations

from pages.shared.texts.i18n import _

__all__ = ["layer_names"]


def layer_names(layers: int, convolutions: int) -> list[str]:
    """Name of each of ``layers``, of which the first are ``convolutions`` and the last gives the Q-values."""
    return [
        *(_("Convolution {number}, ReLU").format(number=i) for i in range(1, convolutions + 1)),
        *(_("Hidden {number}, ReLU").format(number=i) for i in range(1, layers - convolutions)),
        _("Output"),
    ]
