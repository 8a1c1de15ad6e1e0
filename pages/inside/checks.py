"""The lab's own checks as a panel: what each looks at, what it should be, what it is."""

from __future__ import annotations

import streamlit as st

from dqn_core.inside.checks import CHECKS, Check, CheckResult, run_check
from pages.shared.texts.i18n import _, translate_parts

__all__ = ["checks"]

_KEY = "checks-results"


def checks() -> None:
    """Draw the part."""
    st.caption(
        _(
            "Each check runs the training code on a problem so small that the right answer can be worked out by "
            "hand. No run is affected."
        )
    )
    wanted = st.button(_("Run the checks"), icon=":material/fact_check:", type="primary", key="run-checks")
    results: dict[str, CheckResult] = st.session_state.setdefault(_KEY, {})
    if wanted:
        results.clear()
    summary = st.empty()
    columns = st.columns(2, gap="medium")
    for number, check in enumerate(CHECKS):
        with columns[number % 2]:
            place = st.empty()
        if wanted:
            with place, st.spinner(_(check.title)):
                results[check.name] = run_check(check)
        with place.container(border=True):
            _card(check, results.get(check.name))
    if len(results) == len(CHECKS):
        with summary:
            _verdict(list(results.values()))


def _verdict(results: list[CheckResult]) -> None:
    failed = [_(result.check.title) for result in results if not result.passed]
    findings = sum(len(result.findings) for result in results)
    if failed:
        st.error(_("Failed: {names}.").format(names=", ".join(failed)), icon=":material/error:")
    else:
        text = _("All {count} comparisons agree.").format(count=findings)
        st.success(text, icon=":material/check_circle:")


def _card(check: Check, result: CheckResult | None) -> None:
    """A check with what it found; what it will look at, before it is run."""
    icon, words = ":gray[:material/radio_button_unchecked:]", _("not run yet")
    if result is not None:
        icon = ":green[:material/check_circle:]" if result.passed else ":red[:material/cancel:]"
        words = (
            (_("pass") if result.passed else _("fail"))
            + " · "
            + _("{seconds} s").format(seconds=f"{result.seconds:.2f}")
        )
    st.markdown(f"{icon} **{_(check.title)}** :gray[{words}]")
    st.caption(_(check.explanation))
    if result is not None:
        st.table(
            {
                _("What is checked"): [translate_parts(each.template, each.parameters) for each in result.findings],
                _("Expected"): [each.expected for each in result.findings],
                _("Actual"): [each.found for each in result.findings],
                _("Result"): ["✓" if each.passed else "✗" for each in result.findings],
            },
            border="horizontal",
            alt=_(check.title),
        )
