"""What a run is told: one frozen, self-validating dataclass.

An invalid :class:`TrainingConfig` cannot exist. Ranges, units and whether a field may change while a run trains
stand in each field's rule (:mod:`dqn_core.config_rules`).
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, Self

from dqn_core.config_rules import NO_ARGUMENTS, Arguments, FieldRule, field_problem, ruled
from dqn_core.errors import ChangeRefusedError, ConfigError, FieldProblem, mark

__all__ = [
    "NETWORK_FIELDS",
    "NO_ARGUMENTS",
    "NO_SUCH_FIELD",
    "Arguments",
    "EnvironmentChoice",
    "FieldRule",
    "TrainingConfig",
    "config_from_json",
    "field_rule",
    "settings_of",
]

Loss = Literal["mse", "huber"]
TargetUpdate = Literal["episode", "steps", "soft"]
EpsilonSchedule = Literal["episode_exponential", "linear_steps"]
Compute = Literal["auto", "fused", "torch-cpu", "torch-cuda"]
Distribution = Literal["none", "quantile"]
NetworkChoice = Literal["auto", "dense", "minatar", "nature", "impala"]

NO_SUCH_FIELD = mark("there is no such field; remove it or correct its name")
_NEEDS_NEW_RUN = mark("{field} is fixed when a run starts: start a new run to change it.")
_WEIGHTS_FIT = mark("{field} shapes the network, and its weights would be lost: start a new run to change it.")
_SEED_DRAWN = mark("The seed has already determined this run's randomness: start a new run with another seed.")


class EnvironmentChoice(NamedTuple):
    """All that an environment is made with."""

    env_id: str
    max_episode_steps: int | None = None
    """Env steps after which an episode is truncated; None for the environment's own limit."""
    env_kwargs: Arguments = NO_ARGUMENTS
    """What differs from the environment's own defaults."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """All settings of one run. Raises :class:`ConfigError`, naming every bad field, when any value is wrong."""

    env_id: str = ruled("CartPole-v1", frozen_because=_NEEDS_NEW_RUN)
    """Gymnasium id of an environment whose observations are numbers, or pictures, and whose actions are a few."""

    env_kwargs: Arguments = ruled(NO_ARGUMENTS)
    """Arguments of the environment by name, such as LunarLander's gravity; those not named keep its own defaults. A
    live change takes effect when the next episode begins."""

    evaluation_env_kwargs: Arguments = ruled(NO_ARGUMENTS)
    """Arguments in which the environment of the evaluations differs from the one that the agent learns in."""

    reward_formula: str = ruled("", high=300)
    """What is learned from in place of the environment's reward, such as ``reward - 0.1*abs(cart_position)``; empty for
    that reward itself. Returns and evaluations still count the environment's own reward."""

    seed: int = ruled(0, 0, 2**31 - 1, frozen_because=_SEED_DRAWN)
    """Root of all randomness of the run (exploration, replay, initial weights, environment)."""

    compute: Compute = ruled("auto", frozen_because=_NEEDS_NEW_RUN)
    """Where the updates run; "auto" takes the fastest that this machine has for this network."""

    mixed_precision: bool = ruled(default=False, frozen_because=_NEEDS_NEW_RUN)
    """Updates compute all layers but the last in bfloat16, whose numbers have two to three digits; weights, the last
    layer, targets, loss and Adam stay float32, and so do actions and evaluations. For large networks."""

    gamma: float = ruled(0.99, 0.0, 1.0)
    """Discount of future rewards, per env step."""

    learning_rate: float = ruled(2e-4, 0.0, 1.0, low_is_open=True)
    """Adam's step size."""

    adam_epsilon: float = ruled(1e-8, 0.0, 1.0, low_is_open=True)
    """Adam's denominator offset (1e-8 in Kingma & Ba 2015 and torch, 1e-7 in Keras)."""

    adam_epsilon_hat: bool = ruled(default=False)
    """Adam's epsilon as Keras adds it, before the bias correction (epsilon-hat in Kingma & Ba 2015, section 2)."""

    batch_size: int = ruled(128, 1, 65_536)
    """Transitions per update, drawn from the replay memory with replacement."""

    distinct_rows: bool = ruled(default=False)
    """No transition is drawn twice for one batch: drawn without replacement."""

    minibatch_size: int = ruled(0, 0, 65_536)
    """Rows of one gradient step: the batch is split at random into minibatches of this size, and a gradient step taken
    on each, towards targets fixed before the first. 0, or the batch's size and more: one step on the whole batch."""

    buffer_size: int = ruled(10_000, 1, 10_000_000)
    """Transitions that the replay memory holds; the oldest goes first."""

    warmup_steps: int = ruled(1_000, 0, 10_000_000, frozen_because=_NEEDS_NEW_RUN)
    """Env steps of a random policy that fill the replay memory before the first episode."""

    network: NetworkChoice = ruled("auto", frozen_because=_WEIGHTS_FIT)
    """Dense layers, or one of the convolutional networks for pictures (:mod:`dqn_core.algorithm.networks`). "auto": by
    the observation: dense for what is no picture, minatar for one with sides up to 20, nature for a larger one."""

    hidden_sizes: tuple[int, ...] = ruled((32, 32), 1, 8_192, frozen_because=_WEIGHTS_FIT)
    """Width of each hidden ReLU layer of a dense network; empty for a linear Q-function. Convolutional networks have
    widths of their own."""

    normalize_observations: bool = ruled(default=False, frozen_because=_WEIGHTS_FIT)
    """Each number of an observation is brought to mean 0 and standard deviation 1, by the mean and variance of all that
    were trained on so far; evaluations add nothing to them."""

    loss: Loss = ruled("mse")
    """Loss of the TD error: mean squared error or Huber (quadratic within 1, linear beyond)."""

    loss_over_all_outputs: bool = ruled(default=False)
    """The loss is a mean over all actions' outputs; those not taken have their own values from before the update as
    labels (the usual way with Keras' ``fit``). Off: over the taken actions' outputs alone."""

    gradient_clip_value: float = ruled(0.0, 0.0, 1e6)
    """Each gradient element is clipped to [-value, value]; 0 turns clipping off."""

    target_update: TargetUpdate = ruled("episode")
    """When the target network follows: copied at each episode's end, every N env steps, or softly at each update."""

    target_update_every: int = ruled(500, 1, 10_000_000)
    """Env steps between two copies where target_update is "steps"."""

    target_tau: float = ruled(0.005, 0.0, 1.0, low_is_open=True)
    """Share of the online weights mixed in at each update where target_update is "soft"."""

    double_dqn: bool = ruled(default=False)
    """Double DQN (van Hasselt et al. 2016): the online network picks the next action, the target network values it."""

    dueling: bool = ruled(default=False, frozen_because=_WEIGHTS_FIT)
    """Dueling heads (Wang et al. 2016): the network gives one state value and each action's advantage over the mean."""

    noisy_nets: bool = ruled(default=False, frozen_because=_WEIGHTS_FIT)
    """NoisyNets (Fortunato et al. 2018): weights with learned noise explore instead of epsilon."""

    distribution: Distribution = ruled("none", frozen_because=_WEIGHTS_FIT)
    """What is learned of the return: its mean, or quantiles of its distribution (QR-DQN, Dabney et al. 2018)."""

    quantiles: int = ruled(50, 2, 500, frozen_because=_WEIGHTS_FIT)
    """Quantiles per action where distribution is "quantile"."""

    n_step: int = ruled(1, 1, 100)
    """Rewards summed, discounted, before the bootstrap (Sutton & Barto 2018, section 7.1)."""

    prioritized_replay: bool = ruled(default=False)
    """Prioritized replay (Schaul et al. 2016): transitions with large TD errors are drawn more often."""

    priority_alpha: float = ruled(0.6, 0.0, 1.0)
    """How strongly priorities count: 0 draws uniformly, 1 in proportion to the TD error."""

    priority_beta: float = ruled(0.4, 0.0, 1.0)
    """How far importance weights make up for the skewed draw at first; rises to 1."""

    priority_beta_steps: int = ruled(50_000, 1, 100_000_000)
    """Env steps, counted from the warm-up's end, over which priority_beta rises to 1."""

    epsilon_schedule: EpsilonSchedule = ruled("episode_exponential")
    """How exploration fades: exponentially over episodes (the lab's) or linearly over env steps."""

    epsilon_start: float = ruled(1.0, 0.0, 1.0)
    """Probability of a random action at the beginning."""

    epsilon_end: float = ruled(0.01, 0.0, 1.0)
    """Probability of a random action that remains."""

    epsilon_decay_rate: float = ruled(10.0, 0.0, 1_000.0)
    """Rate r of end + (start - end) exp(-r (k - k0) / max_episodes) after k episodes, k0 of them before the decay."""

    epsilon_decay_start: int = ruled(0, 0, 10_000_000)
    """Episodes k0 after which the exponential decay begins; until then epsilon is epsilon_start."""

    epsilon_decay_steps: int = ruled(10_000, 1, 100_000_000)
    """Env steps, counted from the warm-up's end, over which epsilon falls where the schedule is "linear_steps"."""

    update_every: int = ruled(1, 1, 100_000)
    """Env steps between two rounds of updates."""

    gradient_steps: int = ruled(1, 1, 100_000)
    """Updates in each such round."""

    parallel_environments: int = ruled(1, 1, 256, frozen_because=_NEEDS_NEW_RUN)
    """Copies of the environment that are stepped in turns, each with an episode of its own. The actions of a round, one
    of each, come from one pass through the network; updates follow env steps as with one environment."""

    max_episodes: int = ruled(400, 1, 10_000_000)
    """Episodes after which the run ends."""

    max_env_steps: int | None = ruled(None, 1, 10_000_000_000)
    """Env steps after which the run ends, warm-up included; None for no such limit."""

    max_episode_steps: int | None = ruled(None, 1, 1_000_000, frozen_because=_NEEDS_NEW_RUN)
    """Env steps after which an episode is truncated; None for the environment's own limit."""

    goal_score: float | None = ruled(None, -1e9, 1e9)
    """Mean evaluation return above which the run counts as solved and ends; None to train to the limit."""

    evaluate_every: int = ruled(1, 0, 1_000_000)
    """Episodes between two evaluations; 0 for none."""

    evaluation_episodes: int = ruled(1, 1, 1_000)
    """Greedy episodes of one evaluation."""

    recheck_episodes: int = ruled(0, 0, 1_000)
    """Further greedy episodes of an evaluation that is as good as the best so far; the mean of all its episodes
    counts, so that the network that is kept as the best was not merely lucky."""

    confirmation_episodes: int = ruled(2, 0, 1_000)
    """Further greedy episodes whose mean must exceed the goal too before the run counts as solved."""

    mistake_cut_at_truncation: bool = ruled(default=False)
    """For teaching, a mistake: an episode that was only cut off counts as terminated, so its future is worth 0."""

    mistake_no_target_network: bool = ruled(default=False)
    """For teaching, a mistake: targets come from the very network that learns."""

    mistake_no_replay: bool = ruled(default=False)
    """For teaching, a mistake: each batch is the last transitions in their order, none drawn from memory."""

    mistake_explore_in_evaluation: bool = ruled(default=False)
    """For teaching, a mistake: evaluations take random actions too, with the present epsilon."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden_sizes", _as_tuple(self.hidden_sizes))
        for name in _BY_NAME:
            object.__setattr__(self, name, _as_arguments(getattr(self, name)))
        values = ((each, _TYPES[each.name], getattr(self, each.name)) for each in fields(self))
        problems = [problem for each in values if (problem := field_problem(*each))]
        if not problems:
            problems = list(_cross_field_problems(self))
        if problems:
            raise ConfigError(tuple(problems))

    @property
    def environment(self) -> EnvironmentChoice:
        """The environment that the agent learns in."""
        return EnvironmentChoice(self.env_id, self.max_episode_steps, self.env_kwargs)

    @property
    def evaluation_environment(self) -> EnvironmentChoice:
        """The environment that the agent is evaluated in."""
        return self.environment._replace(env_kwargs=self.env_kwargs.changed(self.evaluation_env_kwargs))

    @property
    def as_evaluated(self) -> Self:
        """This config with the environment that it is evaluated in as the one to play in."""
        if not self.evaluation_env_kwargs:
            return self
        env_kwargs = self.evaluation_environment.env_kwargs
        return dataclasses.replace(self, env_kwargs=env_kwargs, evaluation_env_kwargs=NO_ARGUMENTS)

    def played_with(self, env_kwargs: Arguments | None) -> Self:
        """This config with an environment to play in that has these arguments besides; None: as it is evaluated."""
        if env_kwargs is None:
            return self.as_evaluated
        return self.replace(evaluation_env_kwargs=env_kwargs).as_evaluated

    @property
    def soft_share(self) -> float:
        """Share of the online weights that the target network takes over after each update; 0 for none."""
        if self.mistake_no_target_network:
            return 1.0
        return self.target_tau if self.target_update == "soft" else 0.0

    @property
    def beyond_fused(self) -> tuple[str, ...]:
        """Fields whose values the fused learner does not cover; torch covers all."""
        beyond = {
            "noisy_nets": self.noisy_nets,
            "distribution": self.distribution != "none",
            "network": self.network in {"nature", "impala"},
            "mixed_precision": self.mixed_precision,
        }
        return tuple(name for name, is_set in beyond.items() if is_set)

    def replace(self, **changes: Any) -> Self:
        """This config with ``changes``; raises :class:`ConfigError` for a bad or unknown field.

        ``env_kwargs.gravity`` is one argument alone; None leaves it to the environment's default.
        """
        _refuse_unknown(changes)
        return dataclasses.replace(self, **self._by_field(changes))

    def _by_field(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """``changes`` with those of single arguments put into their fields."""
        found = {name: value for name, value in changes.items() if "." not in name}
        for name, value in changes.items():
            field, dot, argument = name.partition(".")
            if dot:
                found[field] = _as_arguments(found.get(field, getattr(self, field))).changed({argument: value})
        return found

    def value(self, name: str) -> Any:
        """The value of field ``name``; of ``env_kwargs.gravity`` None where that argument is not named."""
        field, dot, argument = name.partition(".")
        value = getattr(self, field)
        return value.to_dict().get(argument) if dot else value

    def changed_live(self, name: str, value: Any) -> Self:
        """This config after ``name`` changes to ``value`` while its run trains.

        A buffer made smaller than the warm-up takes the warm-up down with it: its rows are drawn already.

        Raises
        ------
        ChangeRefusedError
            The field cannot change during a run; the message gives the reason.
        ConfigError
            The field is unknown, or the value is not valid beside the others.
        """
        _refuse_unknown({name: value})
        reason = field_rule(name).frozen_because
        if reason is not None:
            raise ChangeRefusedError(reason, field=name)
        changes = {name: value}
        if name == "buffer_size" and isinstance(value, int) and value < self.warmup_steps:
            changes["warmup_steps"] = value
        return self.replace(**changes)

    def differences(self, other: TrainingConfig) -> tuple[tuple[str, Any, Any], ...]:
        """(field, own value, the other's value) of each field in which ``other`` is not equal.

        Of arguments by name, each that differs is a field of its own, such as ``env_kwargs.gravity``.
        """
        pairs = ((name, self.value(name), other.value(name)) for name in settings_of(self, other))
        return tuple((name, own, others) for name, own, others in pairs if own != others)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by field name, ready for JSON."""
        values = {name: getattr(self, name) for name in _FIELDS}
        return values | {"hidden_sizes": list(self.hidden_sizes)} | {name: values[name].to_dict() for name in _BY_NAME}

    def to_json(self) -> str:
        """JSON that :func:`config_from_json` reads back to an equal config."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Config from plain values; unknown keys are refused by name with :class:`ConfigError`."""
        _refuse_unknown(values)
        return cls(**values)


def config_from_json(text: str) -> TrainingConfig:
    """Config from :meth:`TrainingConfig.to_json`'s text; raises :class:`ConfigError` for anything else."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(
            (FieldProblem("config", text[:40], mark("this is not JSON: {cause}"), {"cause": error}),)
        ) from error
    if not isinstance(values, dict):
        raise ConfigError((FieldProblem("config", text[:40], mark("must be a JSON object of fields"), {}),))
    return TrainingConfig.from_dict(values)


def field_rule(name: str) -> FieldRule:
    """The rule of the field ``name``; that of ``env_kwargs`` for ``env_kwargs.gravity``."""
    rule: FieldRule = _FIELDS[name.partition(".")[0]].metadata["rule"]
    return rule


def settings_of(*configs: TrainingConfig) -> tuple[str, ...]:
    """Names of all fields, where each argument that one of ``configs`` names stands in place of its field."""
    names: list[str] = []
    for name in _FIELDS:
        named = {argument for config in configs for argument in getattr(config, name)} if name in _BY_NAME else None
        names += [name] if named is None else [f"{name}.{argument}" for argument in sorted(named)]
    return tuple(names)


_FIELDS = {each.name: each for each in fields(TrainingConfig)}
_TYPES = typing.get_type_hints(TrainingConfig)
_BY_NAME = tuple(name for name in _FIELDS if _TYPES[name] is Arguments)
NETWORK_FIELDS = ("env_id", *(name for name in _FIELDS if field_rule(name).frozen_because == _WEIGHTS_FIT))
"""Fields in which two runs must agree for the weights of one to fit the other."""


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _as_arguments(value: Any) -> Any:
    return Arguments(value) if isinstance(value, Mapping) else value


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    unknown = [
        FieldProblem(name, value, NO_SUCH_FIELD, {})
        for name, value in values.items()
        if name not in _FIELDS and not ("." in name and name.partition(".")[0] in _BY_NAME)
    ]
    if unknown:
        raise ConfigError(tuple(unknown))


def _cross_field_problems(config: TrainingConfig) -> typing.Iterator[FieldProblem]:
    for name, limit_name in (
        ("batch_size", "buffer_size"),
        ("warmup_steps", "buffer_size"),
        ("epsilon_end", "epsilon_start"),
    ):
        value, limit = getattr(config, name), getattr(config, limit_name)
        if value > limit:
            template = mark("must be at most {limit_name} = {limit}: lower {name} or raise {limit_name}")
            yield FieldProblem(name, value, template, {"name": name, "limit_name": limit_name, "limit": limit})
    if config.loss_over_all_outputs and config.distribution != "none":
        template = mark("cannot be on together with {limit_name}: turn one of the two off")
        yield FieldProblem("loss_over_all_outputs", True, template, {"limit_name": "distribution"})
    if config.distinct_rows and config.prioritized_replay:
        template = mark("cannot be on together with {limit_name}: turn one of the two off")
        yield FieldProblem("distinct_rows", True, template, {"limit_name": "prioritized_replay"})
    if config.goal_score is not None and config.evaluate_every == 0:
        template = mark("needs evaluations to be reached: set evaluate_every to 1 or more, or goal_score to none")
        yield FieldProblem("goal_score", config.goal_score, template, {})
    if config.max_env_steps is not None and config.max_env_steps <= config.warmup_steps:
        template = mark("must exceed warmup_steps = {limit}, or no episode is ever trained")
        yield FieldProblem("max_env_steps", config.max_env_steps, template, {"limit": config.warmup_steps})
    if config.compute == "fused" and config.beyond_fused:
        template = mark("does not cover {name}: choose another compute, or turn that off")
        yield FieldProblem("compute", config.compute, template, {"name": config.beyond_fused[0]})
    if config.mistake_no_replay and config.prioritized_replay:
        template = mark("cannot be on together with {limit_name}: turn one of the two off")
        yield FieldProblem(
            "mistake_no_replay", config.mistake_no_replay, template, {"limit_name": "prioritized_replay"}
        )
