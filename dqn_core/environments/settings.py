"""What a config says of its environment, checked against that environment: its arguments and the reward formula.

The config itself checks what can be seen without the environment. What needs it (names, ranges, whether observations
stay as they are) is checked here, before a run begins and before a live change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dqn_core.config import Arguments, TrainingConfig
from dqn_core.environments.make import inspect_environment, registered
from dqn_core.environments.physics import argument_problems, environment_arguments, missing_arguments
from dqn_core.environments.reward_formula import RewardFormula
from dqn_core.errors import ChangeRefusedError, ConfigError, FieldProblem, RewardFormulaError, mark

__all__ = [
    "OTHER_SIZES",
    "check_environment",
    "check_live_change",
    "default_of",
    "environment_problems",
    "is_standard",
    "reward_formula",
    "usable_arguments",
]

OTHER_SIZES = mark("{field} changes what the agent observes or can do: start a new run to change it.")


def check_environment(config: TrainingConfig) -> None:
    """Refuse arguments that the environment does not take, and a reward formula that cannot be read.

    Raises
    ------
    ConfigError
        The message names each argument and what is right, or the place of the formula's fault.
    UnsupportedEnvironmentError
        The environment cannot be made here.
    """
    problems = environment_problems(config)
    if problems:
        raise ConfigError(problems)


def environment_problems(config: TrainingConfig) -> tuple[FieldProblem, ...]:
    """What is wrong with the config's arguments and formula; raises as :func:`check_environment` does otherwise."""
    spec = registered(config.env_id)
    problems = argument_problems(spec, config.env_kwargs)
    problems += missing_arguments(spec, config.env_kwargs)
    problems += argument_problems(spec, config.evaluation_env_kwargs, "evaluation_env_kwargs")
    if not problems:
        problems += _problems_of_sizes(config)
    if not problems and config.reward_formula:
        problems += _problems_of_formula(config)
    return tuple(problems)


def _problems_of_sizes(config: TrainingConfig) -> Iterator[FieldProblem]:
    """An evaluation in which the network would not fit."""
    if config.evaluation_environment != config.environment and _sizes(config) != _sizes(config.as_evaluated):
        template = mark("must leave the observations and actions as they are in training")
        yield FieldProblem("evaluation_env_kwargs", str(config.evaluation_env_kwargs), template, {})


def _sizes(config: TrainingConfig) -> tuple[int, int]:
    report = inspect_environment(*config.environment)
    return report.observation_size, report.n_actions


def _problems_of_formula(config: TrainingConfig) -> Iterator[FieldProblem]:
    try:
        reward_formula(config)
    except RewardFormulaError as error:
        yield FieldProblem("reward_formula", config.reward_formula, error.template, error.parameters)


def usable_arguments(env_id: str, values: Mapping[str, Any]) -> Arguments:
    """Those of ``values`` that the environment takes: what a form holds meanwhile may be wrong in part."""
    given = Arguments(values)
    if not given:
        return given
    wrong = {problem.field.partition(".")[2] for problem in argument_problems(registered(env_id), given)}
    return Arguments({name: value for name, value in given.items() if name not in wrong})


def reward_formula(config: TrainingConfig) -> RewardFormula | None:
    """The config's reward formula, ready to be computed; None where it has none.

    Raises :class:`~dqn_core.errors.RewardFormulaError` for one that cannot be read.
    """
    if not config.reward_formula.strip():
        return None
    return RewardFormula(config.reward_formula, inspect_environment(*config.environment).observation_names)


def check_live_change(old: TrainingConfig, new: TrainingConfig) -> None:
    """Refuse ``new`` as a live change of ``old`` where its environment would not be the same for the network.

    Raises
    ------
    ConfigError
        As :func:`check_environment` does.
    ChangeRefusedError
        An argument changes the observations or the actions.
    """
    changed = [name for name, _, _ in old.differences(new) if "env_kwargs" in name or name == "reward_formula"]
    if not changed:
        return
    check_environment(new)
    known = {each.name: each for each in environment_arguments(registered(new.env_id))}
    for name in changed:
        field, _, argument = name.partition(".")
        if field == "env_kwargs" and argument in known and not known[argument].is_live:
            raise ChangeRefusedError(OTHER_SIZES, field=name)
    if old.env_kwargs != new.env_kwargs and _sizes(old) != _sizes(new):
        raise ChangeRefusedError(OTHER_SIZES, field=next(name for name in changed if name.startswith("env_kwargs")))


def default_of(config: TrainingConfig, field: str) -> Any:
    """What an argument such as ``env_kwargs.gravity`` is where ``config`` does not name it; None where not known."""
    name, _, argument = field.partition(".")
    if name == "evaluation_env_kwargs" and argument in config.env_kwargs:
        return config.value(f"env_kwargs.{argument}")
    known = {each.name: each.default for each in environment_arguments(registered(config.env_id))}
    return known.get(argument)


def is_standard(config: TrainingConfig) -> bool:
    """Whether the config's environment is as it is registered: no argument differs from its default."""
    if not config.env_kwargs:
        return True
    known = {each.name: each.default for each in environment_arguments(registered(config.env_id))}
    return all(name in known and value == known[name] for name, value in config.env_kwargs.to_dict().items())
