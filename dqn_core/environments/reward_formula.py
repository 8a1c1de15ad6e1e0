"""A reward of one's own, written as one line: ``reward - 0.1*abs(cart_position)``.

The line is Python's arithmetic and no more. What may stand in it is listed here (numbers, names, operators, a few
functions), and the tree to compile is built anew from these parts alone: there is no attribute, no text and no other
call, and every number is a float, so that no power takes long. It is checked once, with the place of a fault, and
computed for each env step by a compiled function.

What is learned from is the formula's value; episodes and evaluations still count the environment's own reward.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dqn_core.errors import RewardFormulaError, mark, mark_plural

__all__ = ["FUNCTIONS", "VALUES", "RewardFormula", "observation_identifiers"]

VALUES = ("reward", "action", "terminated", "truncated", "step")
"""What has a name beside the observation's numbers: the environment's own reward, the action (numbered from 0), whether
the episode has terminated or was truncated (1 or 0), and env steps since the reset, this one included."""
_STATE, _PREVIOUS = "s", "previous"
"""The observations after and before the env step."""
_CONSTANTS = {"pi": math.pi, "True": 1.0, "False": 0.0}
_MOST_NODES = 250
_DEEPEST = 40
_MOST_NAMED = 16
_MOST_SHOWN = 24
_LARGEST = float(np.finfo(np.float32).max)
"""Rewards are kept as float32."""
_LARGEST_EXACT_POWER = 64


def _power(base: float, exponent: float) -> float:
    """``base ** exponent``; a whole power by multiplication, which gives the same bits on every CPU."""
    if exponent != exponent // 1.0 or abs(exponent) > _LARGEST_EXACT_POWER:
        return math.pow(base, exponent)
    result = 1.0
    for _ in range(int(abs(exponent))):
        result *= base
    return result if exponent >= 0.0 else 1.0 / result


def _sign(x: float) -> float:
    return float((x > 0.0) - (x < 0.0))


def _clip(x: float, low: float, high: float) -> float:
    return max(low, min(x, high))


_ONE, _TWO, _THREE, _MANY = (1, 1), (2, 2), (3, 3), (2, 20)
FUNCTIONS: Mapping[str, tuple[Callable[..., Any], tuple[int, int]]] = {
    "abs": (abs, _ONE),
    "min": (min, _MANY),
    "max": (max, _MANY),
    "clip": (_clip, _THREE),
    "sign": (_sign, _ONE),
    "sqrt": (math.sqrt, _ONE),
    "exp": (math.exp, _ONE),
    "log": (math.log, _ONE),
    "sin": (math.sin, _ONE),
    "cos": (math.cos, _ONE),
    "tan": (math.tan, _ONE),
    "tanh": (math.tanh, _ONE),
    "atan2": (math.atan2, _TWO),
    "hypot": (math.hypot, _TWO),
    "floor": (math.floor, _ONE),
    "ceil": (math.ceil, _ONE),
    "round": (round, _ONE),
}
"""By name: the function, and how many values it takes, from and to."""
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_SIGNS = (ast.UAdd, ast.USub, ast.Not)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_PARAMETERS = (_STATE, _PREVIOUS, *VALUES)
_NAMESPACE: Mapping[str, Any] = {
    "__builtins__": {},
    "power": _power,
    **{name: function for name, (function, _) in FUNCTIONS.items()},
}
"""All that a compiled formula can reach."""
_MEANT = str.maketrans("−–×·÷，（）\u00a0\u3000\t", "--**/,()   ")
"""Characters that other keyboards and typeset pages have for those meant; one for one, so that places stay."""


class RewardFormula:
    """A formula for an environment whose observation's numbers have these names.

    Raises
    ------
    RewardFormulaError
        The line is no formula; the message says what is wrong, where, and what would be right.
    """

    def __init__(self, text: str, observation_names: Sequence[str]) -> None:
        self.text = text
        reader = _Reader(text, observation_names)
        body = reader.built(reader.tree)
        self._mentioned = reader.mentioned
        self._needs_state = any(source == _STATE for source, _ in self._mentioned.values())
        self._needs_previous = any(source == _PREVIOUS for source, _ in self._mentioned.values())
        self._compute = _compiled(body)

    def __call__(  # noqa: PLR0913, PLR0917  a transition has six parts
        self,
        previous: NDArray[np.float32],
        action: int,
        reward: float,
        observation: NDArray[np.float32],
        terminated: bool,
        truncated: bool,
        step: int,
    ) -> float:
        """The reward to learn from, for one env step.

        Parameters
        ----------
        previous, observation
            [D], before and after the step.
        step
            Env steps since the reset, this one included.

        Raises
        ------
        RewardFormulaError
            It has no finite value here; the message names the step and the values.
        """
        state = observation.tolist() if self._needs_state else ()
        before = previous.tolist() if self._needs_previous else ()
        values = (state, before, reward, action, terminated, truncated, step)
        try:
            value = float(self._compute(*values))
        except (ArithmeticError, ValueError) as error:
            raise self._no_number(values, error) from error
        if -_LARGEST <= value <= _LARGEST:
            return value
        raise self._no_number(values, value)

    def _no_number(self, values: tuple[Any, ...], result: Exception | float) -> RewardFormulaError:
        """What to say where the formula has no value."""
        given = dict(zip(_PARAMETERS, values, strict=True))
        shown = {
            name: given[source] if place is None else given[source][place]
            for name, (source, place) in self._mentioned.items()
        }
        listed = ", ".join(f"{name} = {float(value):.6g}" for name, value in shown.items())
        template = next((said for kind, said in _NO_NUMBER.items() if isinstance(result, kind)), _NOT_FINITE)
        return RewardFormulaError(template, formula=self.text, step=given["step"], values=listed, result=result)


_NOT_FINITE = mark(
    "The reward formula {formula} gave {result} at step {step} of an episode, where {values}. A reward must be a "
    "finite number."
)
_NO_NUMBER = {
    ZeroDivisionError: mark(
        "The reward formula {formula} divides by zero at step {step} of an episode, where {values}. Keep the divisor "
        "away from zero, for example with max(x, 0.001)."
    ),
    OverflowError: mark(
        "The reward formula {formula} overflows at step {step} of an episode, where {values}. Limit its terms, for "
        "example with clip(x, -10, 10)."
    ),
    ValueError: mark(
        "The reward formula {formula} is undefined at step {step} of an episode, where {values}: it takes a root, "
        "logarithm or power of a number outside its domain. Limit that number, for example with max(x, 0.001)."
    ),
}


def observation_identifiers(observation_names: Sequence[str]) -> dict[str, int]:
    """What the numbers of an observation are called in a formula, each with its place.

    "cart position (m)" is ``cart_position``. A number whose name is no word, or another's too, is left out: each number
    can be written ``s[0]``, ``s[1]``, ... as well.
    """
    found: dict[str, list[int]] = {}
    for place, name in enumerate(observation_names):
        plain = re.sub(r"\([^()]*\)", " ", unicodedata.normalize("NFKC", name))
        identifier = re.sub(r"\W+", "_", plain).strip("_").lower()
        if identifier.isidentifier():
            found.setdefault(identifier, []).append(place)
    taken = {*_PARAMETERS, *_CONSTANTS}
    return {name: places[0] for name, places in found.items() if len(places) == 1 and name not in taken}


def _compiled(body: ast.expr) -> Callable[..., Any]:
    parameters = ast.arguments([], [ast.arg(name) for name in _PARAMETERS], None, [], [], None, [])
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(parameters, body)))
    function: Callable[..., Any] = eval(compile(tree, "<reward formula>", "eval"), dict(_NAMESPACE))  # noqa: S307  the tree is of known parts alone
    return function


# -------------------------------------------------------------------------------------------------- read, part by part

_EMPTY = mark("The reward formula is empty: enter one such as {example}, or none.")
_UNREADABLE = mark("A reward formula is a single line of text: remove the character at position {position}.")
_TOO_LARGE = mark("The reward formula is too complex: it may have {nodes} parts, nested {depth} deep, at most.")
_ASSIGNMENT = mark(
    "Write only the expression for the reward: reward - 1 instead of reward = reward - 1 (position {position}). To "
    "compare two numbers, use ==."
)
_SPACES = mark("Write names with underscores instead of spaces: {name} (position {position}).")
_BRACKETS = mark("The reward formula has {opened} opening and {closed} closing parentheses.")
_ENDS = mark("The reward formula ends too early: something is missing after {near}.")
_SYNTAX = mark(
    "Syntax error at position {position}, near {near}: an operator or a value is missing there, or too many."
)
_NOT_HERE = mark(
    "{part} at position {position} is not allowed in a reward formula. Use numbers, names, + - * / // % **, "
    "comparisons, and, or, not, x if y else z, and the functions {functions}."
)
_XOR = mark("Use ** for powers, not ^ (position {position}).")
_BITS = mark("Use and, or to join conditions, not &, | (position {position}).")
_NUMBER_TOO_LARGE = mark("{part} at position {position} is too large.")
_NO_CONSTANT = mark("{part} at position {position} has no finite value.")
_WHOLE_STATE = mark("{name} at position {position} is the whole observation: use {name}[0] for its first number.")
_NO_INDEX = mark("{part} at position {position} does not exist: the observation is {first} to {last}.")
_BARE_FUNCTION = mark("{name} at position {position} is a function and needs parentheses, as in {name}(reward).")
_NO_FUNCTION = mark("{name} at position {position} is not a function: put * before the parenthesis to multiply.")
_UNKNOWN_NAME = mark("Unknown name {name} at position {position}. Available: {names}.")
_MISSPELT_NAME = mark("Unknown name {name} at position {position}. Did you mean {near}? Available: {names}.")
_UNKNOWN_FUNCTION = mark("Unknown function {name} at position {position}. Available functions: {names}.")
_MISSPELT_FUNCTION = mark(
    "Unknown function {name} at position {position}. Did you mean {near}? Available functions: {names}."
)


class _Reader:
    """Reads a formula, and builds the tree to compile out of parts that are known; refuses every other."""

    def __init__(self, text: str, observation_names: Sequence[str]) -> None:
        plain = text.translate(_MEANT)
        self._source = plain.strip()
        self._indent = len(plain) - len(plain.lstrip())
        self._size = len(observation_names)
        identifiers = observation_identifiers(observation_names)
        self._numbers = {f"{_PREVIOUS}_{name}": (_PREVIOUS, place) for name, place in identifiers.items()}
        self._numbers |= {name: (_STATE, place) for name, place in identifiers.items()}
        self._known = [*VALUES, *identifiers, *_CONSTANTS, *self._numbers]
        indexed = [f"{_STATE}[{place}]" for place in range(self._size)]
        listed = [*VALUES, *(identifiers or indexed)]
        self._listed = ", ".join(listed[:_MOST_NAMED] + ["..."] * (len(listed) > _MOST_NAMED))
        self.mentioned: dict[str, tuple[str, int | None]] = {}
        """By the name as it was written: the function's parameter that it is, or that it is a number of, and which."""
        self.tree = self._parsed()

    def _parsed(self) -> ast.expr:
        if not self._source:
            raise RewardFormulaError(_EMPTY, example="reward - 0.1*action")
        for place, character in enumerate(self._source):
            if not character.isprintable():
                raise RewardFormulaError(_UNREADABLE, position=self._indent + place + 1)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a line that is refused in words
                tree = ast.parse(self._source, "<reward formula>", mode="eval").body
        except SyntaxError as error:
            raise self._syntax_error(error) from error
        except (RecursionError, MemoryError) as error:  # brackets in thousands of brackets
            raise RewardFormulaError(_TOO_LARGE, nodes=_MOST_NODES, depth=_DEEPEST) from error
        _refuse_large(tree)
        return tree

    def built(self, node: ast.expr) -> ast.expr:
        """``node`` as it is computed; raises :class:`RewardFormulaError` for one that has no place in a formula."""
        built = self._built(node)
        parts = [built] if isinstance(built, ast.Constant) else list(ast.walk(built))
        if len(parts) == 1 or any(isinstance(part, ast.Name) and part.id in _PARAMETERS for part in parts):
            return built
        try:  # the same in every env step: computed here, and refused where it is no number
            return self._number(float(_compiled(built)(*_PARAMETERS)), node)
        except (ArithmeticError, ValueError) as error:
            raise self._fault(_NO_CONSTANT, node, part=self._part(node)) from error

    def _built(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return self._number(value, node)
            case ast.Name():
                return self._named(node)
            case ast.Subscript():
                return self._indexed(node)
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node)
            case ast.UnaryOp(op=op, operand=operand) if isinstance(op, _SIGNS):
                return ast.UnaryOp(op, self.built(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return self._operation(left, op, right, node)
        return self._condition(node)

    def _operation(self, left: ast.expr, op: ast.operator, right: ast.expr, node: ast.expr) -> ast.expr:
        if isinstance(op, ast.Pow):  # Python's own makes complex numbers of negative ones
            return ast.Call(ast.Name("power", ast.Load()), [self.built(left), self.built(right)], [])
        if isinstance(op, _OPERATORS):
            return ast.BinOp(self.built(left), op, self.built(right))
        if isinstance(op, ast.BitXor):
            raise self._fault(_XOR, node)
        raise self._fault(_BITS, node) if isinstance(op, (ast.BitAnd, ast.BitOr)) else self._not_here(node)

    def _condition(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.BoolOp(op=op, values=values):
                return ast.BoolOp(op, [self.built(each) for each in values])
            case ast.Compare(left=left, ops=ops, comparators=others) if all(isinstance(op, _COMPARISONS) for op in ops):
                return ast.Compare(self.built(left), ops, [self.built(each) for each in others])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return ast.IfExp(self.built(test), self.built(body), self.built(orelse))
        raise self._not_here(node)

    def _number(self, value: float, node: ast.expr) -> ast.expr:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not -_LARGEST <= number <= _LARGEST:
            raise self._fault(_NUMBER_TOO_LARGE, node, part=self._part(node))
        return ast.Constant(number)

    def _named(self, node: ast.Name) -> ast.expr:
        name = node.id
        if name in _CONSTANTS:
            return ast.Constant(_CONSTANTS[name])
        if name in VALUES:
            self.mentioned[name] = name, None
            return ast.Name(name, ast.Load())
        if name in self._numbers:
            return self._of_observation(name, *self._numbers[name])
        if name in {_STATE, _PREVIOUS}:
            raise self._fault(_WHOLE_STATE, node, name=name)
        if name in FUNCTIONS:
            raise self._fault(_BARE_FUNCTION, node, name=name)
        raise self._unknown(node, (_UNKNOWN_NAME, _MISSPELT_NAME), self._known, self._listed)

    def _indexed(self, node: ast.Subscript) -> ast.expr:
        match node:
            case ast.Subscript(value=ast.Name(id="s" | "previous" as source), slice=ast.Constant(value=int() as place)):
                if not isinstance(place, bool) and place < self._size:
                    return self._of_observation(f"{source}[{place}]", source, place)
        first, last = f"{_STATE}[0]", f"{_STATE}[{self._size - 1}]"
        raise self._fault(_NO_INDEX, node, part=self._part(node), first=first, last=last)

    def _of_observation(self, name: str, source: str, place: int) -> ast.expr:
        self.mentioned[name] = source, place
        return ast.Subscript(ast.Name(source, ast.Load()), ast.Constant(place), ast.Load())

    def _call(self, name: str, node: ast.Call) -> ast.expr:
        if name in VALUES or name in self._numbers or name in _CONSTANTS:
            raise self._fault(_NO_FUNCTION, node, name=name)
        if name not in FUNCTIONS:
            raise self._unknown(node.func, (_UNKNOWN_FUNCTION, _MISSPELT_FUNCTION), FUNCTIONS, ", ".join(FUNCTIONS))
        _, (fewest, most) = FUNCTIONS[name]
        given = len(node.args) + len(node.keywords)
        if node.keywords or not fewest <= given <= most:
            count = str(fewest) if fewest == most else f"{fewest}–{most}"
            template = mark_plural(
                "{name} at position {position} takes {count} value in its parentheses, not {given}.",
                "{name} at position {position} takes {count} values in its parentheses, not {given}.",
                most,
            )
            raise self._fault(template, node, name=name, count=count, given=given)
        return ast.Call(ast.Name(name, ast.Load()), [self.built(each) for each in node.args], [])

    # --------------------------------------------------------------------------------------------------- refused

    def _syntax_error(self, error: SyntaxError) -> RewardFormulaError:
        text = self._source
        if assignment := re.search(r"(?<![=<>!])=(?!=)", text):
            return RewardFormulaError(_ASSIGNMENT, position=self._indent + assignment.start() + 1)
        for name in self._numbers:
            if "_" in name and (place := text.lower().find(name.replace("_", " "))) >= 0:
                return RewardFormulaError(_SPACES, name=name, position=self._indent + place + 1)
        opened, closed = text.count("("), text.count(")")
        if opened != closed:
            return RewardFormulaError(_BRACKETS, opened=opened, closed=closed)
        place = error.offset or 0
        if not 0 < place <= len(text):
            return RewardFormulaError(_ENDS, near=text[-_MOST_SHOWN:])
        near = text[place - 1 : place - 1 + _MOST_SHOWN]
        return RewardFormulaError(_SYNTAX, position=self._indent + place, near=near)

    def _unknown(
        self, node: ast.expr, templates: tuple[str, str], known: Sequence[str] | Mapping[str, Any], names: str
    ) -> RewardFormulaError:
        name, by_lower = self._part(node), {each.lower(): each for each in known}
        near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
        unknown, misspelt = templates
        if near:
            return self._fault(misspelt, node, name=name, near=by_lower[near[0]], names=names)
        return self._fault(unknown, node, name=name, names=names)

    def _not_here(self, node: ast.expr) -> RewardFormulaError:
        return self._fault(_NOT_HERE, node, part=self._part(node), functions=", ".join(FUNCTIONS))

    def _fault(self, template: str, node: ast.expr, **parameters: object) -> RewardFormulaError:
        """With where ``node`` begins, counted from 1 in characters; Python counts bytes."""
        before = self._source.encode()[: node.col_offset].decode()
        return RewardFormulaError(template, position=self._indent + len(before) + 1, **parameters)

    def _part(self, node: ast.expr) -> str:
        source = ast.get_source_segment(self._source, node) or ""
        return source if len(source) <= _MOST_SHOWN else f"{source[:_MOST_SHOWN]}…"


def _refuse_large(tree: ast.expr) -> None:
    """Refuse a formula of many parts, or nested deep; goes level by level, for it may be deeper than Python's stack."""
    level: list[ast.AST] = [tree]
    nodes = depth = 0
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if nodes > _MOST_NODES or depth > _DEEPEST:
            raise RewardFormulaError(_TOO_LARGE, nodes=_MOST_NODES, depth=_DEEPEST)
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
