"""A reward formula is arithmetic and no more: what it computes, what it refuses, and where."""

from __future__ import annotations

import math
import pickle
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dqn_core.environments.reward_formula import FUNCTIONS, RewardFormula, observation_identifiers
from dqn_core.errors import DqnLabError, RewardFormulaError

_NAMES = ("cart position (m)", "cart velocity (m/s)", "pole angle (rad)", "pole angular velocity (rad/s)")
_BEFORE = np.array([0.5, -1.0, 0.125, 2.0], np.float32)
_AFTER = np.array([-1.5, 3.0, 0.25, -2.0], np.float32)


def _value(text: str, *, reward: float = 1.0, action: int = 1, terminated: bool = False, step: int = 7) -> float:
    return RewardFormula(text, _NAMES)(_BEFORE, action, reward, _AFTER, terminated, False, step)


def _complaint(text: str, names: tuple[str, ...] = _NAMES) -> str:
    with pytest.raises(RewardFormulaError) as raised:
        RewardFormula(text, names)
    return str(raised.value)


# ------------------------------------------------------------------------------------------------ what it computes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("reward", 1.0),
        ("reward - 0.1*abs(cart_position)", 1.0 - 0.1 * 1.5),
        ("s[0] + s[3]", -3.5),
        ("previous[0] - previous_cart_velocity", 1.5),
        ("0.99*abs(pole_angle) - abs(previous_pole_angle)", 0.99 * 0.25 - 0.125),
        ("action == 1", 1.0),
        ("10 if action == 0 else -10", -10.0),
        ("reward - 5*terminated", 1.0),
        ("step", 7.0),
        ("step // 2 + step % 2", 4.0),
        ("2**3**2", 512.0),
        ("-2**2", -4.0),
        ("2**-1", 0.5),
        ("cart_position**2", 2.25),
        ("9**0.5", 3.0),
        ("1 < cart_velocity <= 3 and not truncated", 1.0),
        ("cart_position > 0 or reward", 1.0),
        ("clip(cart_velocity, -1, 1) + sign(cart_position)", 0.0),
        ("min(reward, step, 0.5) + max(reward, step)", 7.5),
        ("sqrt(4) + exp(0) + log(1) + cos(0) + hypot(3, 4)", 9.0),
        ("round(2.4) + floor(-0.5) + ceil(0.5)", 2.0),
        ("sin(pi/2)", 1.0),
        ("True", 1.0),
        ("0x10 + 1_000 + 1e1", 1026.0),
        ("  reward  # the same", 1.0),
        ("reward − 2×1.5", -2.0),
    ],
)
def test_its_value(text: str, expected: float) -> None:
    value = _value(text)
    assert isinstance(value, float)
    assert value == expected


def test_it_sees_whether_the_episode_is_over() -> None:
    formula = RewardFormula("100*terminated + 10*truncated", _NAMES)
    assert formula(_BEFORE, 0, 0.0, _AFTER, True, False, 1) == 100.0
    assert formula(_BEFORE, 0, 0.0, _AFTER, False, True, 1) == 10.0


def test_names_are_made_of_the_words_before_a_unit() -> None:
    assert observation_identifiers(("x position (half screens)", "γ", "2nd", "s", "reward", "same", "same", "…")) == {
        "x_position": 0,
        "γ": 1,
    }


def test_a_number_without_a_name_has_its_place() -> None:
    formula = RewardFormula("s[1]", ("same", "same"))
    assert formula(_BEFORE[:2], 0, 0.0, _AFTER[:2], False, False, 1) == 3.0


def test_whole_powers_are_products() -> None:
    value = 1.1
    product = 1.0
    for _ in range(30):
        product *= value
    assert _value("reward**30", reward=value) == product
    assert _value("reward**-30", reward=value) == 1.0 / product


# ------------------------------------------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("reward - cart_postion", ("cart_postion at position 10", "Did you mean cart_position?", "pole_angle")),
        ("Cart_Position", ("Did you mean cart_position?",)),
        ("reward + height", ("height at position 10", "Available: reward", "cart_velocity")),
        ("sqr(reward)", ("function sqr", "Did you mean sqrt?")),
        ("f(reward)", ("function f", "abs, min, max")),
        ("cart position * 2", ("cart_position", "position 1")),
        ("reward = reward - 1", ("only the expression", "position 8", "==")),
        ("reward ^ 2", ("**", "position 1")),
        ("(reward > 1) & (step > 2)", ("and, or",)),
        ("abs(reward", ("1 opening and 0 closing",)),
        ("reward -", ("ends too early", "reward -")),
        ("1 + reward reward", ("position",)),
        ("s[4]", ("s[4]", "s[0] to s[3]")),
        ("s[-1]", ("s[0] to s[3]",)),
        ("s[0:2]", ("s[0] to s[3]",)),
        ("s[True]", ("s[0] to s[3]",)),
        ("s[step]", ("s[0] to s[3]",)),
        ("reward[0]", ("reward[0]", "s[0] to s[3]")),
        ("s", ("s[0]",)),
        ("abs", ("abs(reward)",)),
        ("abs(1, reward)", ("abs at position 1", "takes 1 value in", "not 2")),
        ("max(reward)", ("2–20 values in", "not 1")),
        ("round(reward, ndigits=1)", ("takes 1 ", "not 2")),
        ("2 * reward(step)", ("position 5", "put * before")),
        ("", ("empty",)),
        ("   ", ("empty",)),
        ("reward\n+ 1", ("single line", "position 7")),
        ("\0", ("single line",)),
        ("\ud800", ("single line",)),
        ("γ + 높이", ("높이",)),
        ("1e999", ("too large",)),
        ("10**400", ("10**400", "no finite value")),
        ("reward + 1/0", ("1/0 at position 10",)),
        ("log(0) * reward", ("log(0)", "no finite value")),
        ("(-8)**0.5", ("no finite value",)),
        ("+".join("1" * 150), ("too complex",)),
        ("-" * 60 + "reward", ("too complex",)),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, parts: tuple[str, ...]) -> None:
    complaint = _complaint(text, (*_NAMES, "γ") if "γ" in text else _NAMES)
    for part in parts:
        assert part in complaint


def test_a_place_is_counted_in_characters_from_where_the_text_begins() -> None:
    assert "position 7" in _complaint("  γ + wrong", ("γ",))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "reward.__class__",
        "().__class__.__bases__[0].__subclasses__()",
        "'a' * 3",
        "b'a'",
        "f'{reward}'",
        "[1][0]",
        "(1, 2)",
        "{1: 2}",
        "{reward}",
        "[x for x in s]",
        "(x for x in s)",
        "lambda: 1",
        "(reward := 5)",
        "abs(*s)",
        "max(**s)",
        "(lambda: 1)()",
        "abs.__self__",
        "abs(abs)",
        "await reward",
        "(yield)",
        "1j",
        "None",
        "...",
        "reward is 1",
        "1 in s",
        "~action",
        "1 << 1000",
        "1 @ 2",
        "reward; reward",
        "import os",
        "def f(): pass",
        "open(1)",
        "eval(1)",
        "power(9, 9)",
        "__builtins__",
        "s.__class__",
        "exec(1) if 1 else 2",
        "abs(1)(2)",
        "reward if",
        "%",
        ")",
        "(" * 5_000 + "1" + ")" * 5_000,
        "-" * 100_000 + "1",
        "1" * 10_000,
    ],
)
def test_what_is_no_arithmetic_is_refused_at_once(text: str) -> None:
    start = time.process_time()
    _complaint(text)
    assert time.process_time() - start < 5.0


@pytest.mark.parametrize("text", ["reward**9**9", "(step+9)**(step+9)**(step+9)", "reward*10**300*10**300"])
def test_no_power_takes_long(text: str) -> None:
    start = time.process_time()
    with pytest.raises(RewardFormulaError):
        _value(text, reward=9.0)
    assert time.process_time() - start < 1.0


# ------------------------------------------------------------------------------------------- where it has no value


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1 / (reward - 1)", ("divides by zero", "step 7", "reward = 1")),
        ("step % (reward - 1)", ("divides by zero",)),
        ("log(cart_position)", ("undefined", "cart_position = -1.5", "max(x, 0.001)")),
        ("sqrt(s[0])", ("s[0] = -1.5",)),
        ("previous[1]**0.5", ("previous[1] = -1",)),
        ("exp(1000*reward)", ("overflows",)),
        ("reward" + "*1e38" * 9, ("inf", "step 7")),
        ("reward" + "*1e38" * 9 + "*0", ("nan", "step 7")),
        ("reward*1e38*10", ("1e+39",)),
    ],
)
def test_a_step_without_a_value_is_named(text: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(RewardFormulaError) as raised:
        _value(text)
    for part in (text.strip(), *parts):
        assert part in str(raised.value)


def test_the_error_travels_between_processes() -> None:
    with pytest.raises(RewardFormulaError) as raised:
        _value("log(0*reward)")
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # noqa: S301  of this test's making


# ---------------------------------------------------------------------------------------------------- whatever comes

_PARTS = [*FUNCTIONS, "reward", "cart_position", "s[1]", "previous[0]", "step", "1", "0.5", "(", ")", ",", " "]
_PARTS += ["+", "-", "*", "/", "**", "//", "%", "<", "==", " if ", " else ", " and ", " not ", ".", "'", "=", "\\", ":"]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(_PARTS), max_size=25).map("".join)))
@example("1if 2else 3")
@example("'\\d'")
@example("0777")
@example("1is 1")
def test_any_text_is_a_formula_or_refused_in_words(text: str) -> None:
    try:
        value = _value(text)
    except DqnLabError as error:
        assert str(error)  # noqa: PT017  either is right
    else:
        assert math.isfinite(np.float32(value))


_NUMBERS = st.floats(-1e6, 1e6, width=32)


def _formulas() -> st.SearchStrategy[str]:
    """Formulas that Python computes as well: the operators that never fail."""
    leaves = st.sampled_from(["reward", "cart_position", "previous[1]", "s[2]", "action", "2.5", "-3"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["+", "-", "*", "<", ">="]), inner).map(
                lambda part: f"({' '.join(part)})"
            ),
            st.tuples(st.sampled_from(["abs", "sign", "tanh"]), inner).map(lambda part: f"{part[0]}({part[1]})"),
            st.tuples(inner, inner, inner).map(lambda part: f"({part[0]} if {part[1]} else {part[2]})"),
            st.tuples(inner, inner).map(lambda part: f"max({part[0]}, {part[1]})"),
        ),
        max_leaves=6,
    )


@given(_formulas(), _NUMBERS, st.lists(_NUMBERS, min_size=4, max_size=4), st.integers(0, 3))
def test_it_is_pythons_arithmetic(text: str, reward: float, numbers: list[float], action: int) -> None:
    after, before = np.array(numbers, np.float32), np.array(numbers[::-1], np.float32)
    names = {"reward": reward, "action": action, "s": after.tolist(), "previous": before.tolist()}
    names |= {"cart_position": float(after[0]), "sign": lambda x: float((x > 0) - (x < 0)), "tanh": math.tanh}
    expected = float(eval(text, names))  # noqa: S307  of this test's making
    if abs(expected) <= float(np.finfo(np.float32).max):
        assert RewardFormula(text, _NAMES)(before, action, reward, after, False, False, 1) == expected
