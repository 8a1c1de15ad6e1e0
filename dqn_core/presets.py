"""Environments that the project knows by heart, and ready-made configs for each.

To add an environment, add one :class:`EnvironmentPreset` to ``PRESETS``, or to ``ATARI_PRESETS`` where it needs a
package that the lab works without; its names, meanings and configs appear on the page and at the command line from
there. Texts are marked for the message catalogs.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dqn_core.config import Arguments, TrainingConfig
from dqn_core.errors import ConfigError, FieldProblem, mark
from dqn_core.json_text import json_text

__all__ = [
    "ATARI_PRESETS",
    "PRESETS",
    "RECORDS",
    "EnvironmentPreset",
    "PresetRecord",
    "find_preset",
    "nearest_preset",
    "preset_config",
    "preset_name",
    "preset_names",
    "preset_record",
    "settings_digest",
]

_LABEL_FIELDS = ("seed", "compute")
"""Fields that do not make a config another preset."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentPreset:
    """What a person should know of an environment, and its ready-made configs by name."""

    env_id: str
    title: str
    summary: str
    reward_rule: str
    configs: Mapping[str, TrainingConfig]
    observation_names: tuple[str, ...] = ()
    """Meaning and unit of each number of an observation, in order; where there are none, those that are known of the
    environment otherwise (:mod:`dqn_core.environments.names`)."""
    action_names: tuple[str, ...] = ()
    play_keys: Mapping[str, int] = field(default_factory=dict)
    """Keys for a person who plays, by the browser's name of the key, and the action of each."""
    idle_actions: tuple[int, ...] = ()
    """Actions taken in turn while such a person holds no key; where there are none, the last one goes on."""
    play_speed: float = 1.0
    """Share of real time at which a beginner can play it."""


# What the lab's notebook does, its mistake at truncation included. ``fit(states, labels, epochs=1)`` takes Keras'
# default minibatches of 32, with labels for all outputs, and Keras' Adam.
_LAB8 = TrainingConfig(
    gamma=0.99,
    learning_rate=2e-4,
    adam_epsilon=1e-7,
    adam_epsilon_hat=True,
    batch_size=128,
    distinct_rows=True,
    minibatch_size=32,
    hidden_sizes=(32, 32),
    loss="mse",
    loss_over_all_outputs=True,
    gradient_clip_value=2.0,
    target_update="episode",
    epsilon_schedule="episode_exponential",
    epsilon_start=1.0,
    epsilon_end=0.01,
    epsilon_decay_rate=10.0,
    epsilon_decay_start=1,
    max_episodes=400,
    evaluate_every=1,
    evaluation_episodes=1,
    confirmation_episodes=2,
    mistake_cut_at_truncation=True,
)

_CARTPOLE = EnvironmentPreset(
    env_id="CartPole-v1",
    title=mark("CartPole"),
    summary=mark("Balance a pole on a cart by pushing the cart left or right."),
    observation_names=(
        mark("cart position (m)"),
        mark("cart velocity (m/s)"),
        mark("pole angle (rad)"),
        mark("pole angular velocity (rad/s)"),
    ),
    action_names=(mark("push left"), mark("push right")),
    reward_rule=mark(
        "+1 for every step the pole stays up. The episode ends when the pole leans more than 12° or the cart leaves "
        "±2.4 m, and is cut off at 500 steps."
    ),
    play_keys={"ArrowLeft": 0, "ArrowRight": 1},
    idle_actions=(0, 1),  # the cart cannot be left alone: pushes to and fro come close
    play_speed=0.5,
    configs={
        "lab8": _LAB8.replace(
            env_id="CartPole-v1", buffer_size=1_000, warmup_steps=1_000, max_episode_steps=500, goal_score=450.0
        ),
        "fast": TrainingConfig(
            env_id="CartPole-v1",
            gamma=0.99,
            learning_rate=1e-3,
            batch_size=128,
            buffer_size=50_000,
            warmup_steps=1_000,
            hidden_sizes=(64, 64),
            loss="huber",
            double_dqn=True,
            n_step=3,
            target_update="soft",
            target_tau=0.005,
            epsilon_schedule="linear_steps",
            epsilon_end=0.02,
            epsilon_decay_steps=5_000,
            max_episodes=2_000,
            max_env_steps=150_000,
            goal_score=475.0,
            evaluate_every=10,
            evaluation_episodes=5,
            confirmation_episodes=50,
        ),
        "strong": TrainingConfig(
            env_id="CartPole-v1",
            gamma=0.99,
            learning_rate=1e-3,
            batch_size=128,
            buffer_size=50_000,
            warmup_steps=1_000,
            hidden_sizes=(64, 64),
            loss="huber",
            double_dqn=True,
            n_step=3,
            target_update="soft",
            target_tau=0.005,
            epsilon_schedule="linear_steps",
            epsilon_end=0.02,
            epsilon_decay_steps=5_000,
            max_episodes=5_000,
            max_env_steps=50_000,
            goal_score=499.9,
            evaluate_every=5,
            evaluation_episodes=10,
            recheck_episodes=100,
            confirmation_episodes=300,
        ),
    },
)

_LUNAR_LANDER = EnvironmentPreset(
    env_id="LunarLander-v3",
    title=mark("LunarLander"),
    summary=mark("Land a small craft softly between two flags, with three engines."),
    observation_names=(
        mark("x position (half screens)"),
        mark("y position (above the pad)"),
        mark("x velocity"),
        mark("y velocity"),
        mark("angle (rad)"),
        mark("angular velocity"),
        mark("left leg touches (0 or 1)"),
        mark("right leg touches (0 or 1)"),
    ),
    action_names=(mark("do nothing"), mark("fire left engine"), mark("fire main engine"), mark("fire right engine")),
    reward_rule=mark(
        "The closer, slower and more upright the craft, the higher the reward; +10 for each leg on the ground; -0.3 "
        "a step for the main engine and -0.03 for a side engine; +100 for landing, -100 for a crash. 200 counts as "
        "solved."
    ),
    play_keys={"ArrowLeft": 1, "ArrowUp": 2, "ArrowRight": 3},
    idle_actions=(0,),
    play_speed=0.5,
    configs={
        "lab8": _LAB8.replace(
            env_id="LunarLander-v3", buffer_size=10_000, warmup_steps=10_000, max_episode_steps=1_000, goal_score=200.0
        ),
        "fast": TrainingConfig(
            env_id="LunarLander-v3",
            gamma=0.99,
            learning_rate=6.3e-4,
            batch_size=128,
            buffer_size=100_000,
            warmup_steps=1_000,
            hidden_sizes=(64, 64),
            loss="huber",
            double_dqn=True,
            n_step=4,
            target_update="steps",
            target_update_every=250,
            epsilon_schedule="linear_steps",
            epsilon_end=0.05,
            epsilon_decay_steps=15_000,
            max_episodes=2_000,
            max_env_steps=300_000,
            goal_score=220.0,
            evaluate_every=10,
            evaluation_episodes=10,
            confirmation_episodes=100,
        ),
        "strong": TrainingConfig(
            env_id="LunarLander-v3",
            gamma=0.99,
            learning_rate=6.3e-4,
            batch_size=128,
            buffer_size=50_000,
            warmup_steps=1_000,
            hidden_sizes=(256, 256),
            loss="huber",
            double_dqn=True,
            n_step=4,
            target_update="steps",
            target_update_every=250,
            epsilon_schedule="linear_steps",
            epsilon_end=0.08,
            epsilon_decay_steps=12_000,
            max_episodes=5_000,
            max_env_steps=100_000,
            evaluate_every=5,
            evaluation_episodes=20,
            recheck_episodes=80,
        ),
    },
)

_ACROBOT_DQN = TrainingConfig(
    env_id="Acrobot-v1",
    gamma=0.99,
    learning_rate=6.3e-4,
    batch_size=128,
    buffer_size=50_000,
    warmup_steps=1_000,
    hidden_sizes=(256, 256),
    loss="huber",
    double_dqn=True,
    target_update="steps",
    target_update_every=250,
    epsilon_schedule="linear_steps",
    epsilon_end=0.05,
    epsilon_decay_steps=12_000,
    update_every=4,
    gradient_steps=4,
    max_episodes=5_000,
    max_env_steps=100_000,
    evaluate_every=20,
    evaluation_episodes=30,
    recheck_episodes=100,
)

_ACROBOT = EnvironmentPreset(
    env_id="Acrobot-v1",
    title=mark("Acrobot"),
    summary=mark("Swing a two-link arm up over a line by pushing at its elbow alone."),
    observation_names=(
        mark("cosine of the first angle"),
        mark("sine of the first angle"),
        mark("cosine of the second angle"),
        mark("sine of the second angle"),
        mark("first angular velocity (rad/s)"),
        mark("second angular velocity (rad/s)"),
    ),
    action_names=(mark("push clockwise"), mark("do nothing"), mark("push counter-clockwise")),
    reward_rule=mark(
        "-1 for every step until the free end swings above the line, which ends the episode; it is cut off at 500 "
        "steps."
    ),
    configs={
        "fast": _ACROBOT_DQN.replace(
            learning_rate=1e-3,
            hidden_sizes=(64, 64),
            n_step=3,
            goal_score=-85.0,
            evaluation_episodes=10,
            recheck_episodes=0,
            confirmation_episodes=50,
        ),
        "strong": _ACROBOT_DQN,
    },
)

_MOUNTAIN_CAR_DQN = TrainingConfig(
    env_id="MountainCar-v0",
    gamma=0.98,
    learning_rate=4e-3,
    batch_size=128,
    buffer_size=10_000,
    warmup_steps=1_000,
    hidden_sizes=(256, 256),
    loss="huber",
    target_update="steps",
    target_update_every=600,
    epsilon_schedule="linear_steps",
    epsilon_end=0.07,
    epsilon_decay_steps=24_000,
    update_every=16,
    gradient_steps=8,
    max_episodes=5_000,
    max_env_steps=120_000,
    evaluate_every=10,
    evaluation_episodes=30,
    recheck_episodes=200,
)

_MOUNTAIN_CAR = EnvironmentPreset(
    env_id="MountainCar-v0",
    title=mark("MountainCar"),
    summary=mark("Drive an underpowered car up the hill to the flag by building up speed back and forth."),
    observation_names=(mark("car position"), mark("car velocity")),
    action_names=(mark("push left"), mark("do nothing"), mark("push right")),
    reward_rule=mark(
        "-1 for every step until the car reaches the flag, which ends the episode; it is cut off at 200 steps."
    ),
    configs={
        "fast": _MOUNTAIN_CAR_DQN.replace(
            hidden_sizes=(64, 64),
            goal_score=-110.0,
            evaluation_episodes=10,
            recheck_episodes=0,
            confirmation_episodes=50,
        ),
        "strong": _MOUNTAIN_CAR_DQN,
    },
)

# Small worlds whose states are numbered. Each state is one number of the observation (one-hot), so a network without a
# hidden layer has a Q-value of its own for every state and action, as Q-learning's table has (Watkins & Dayan 1992).
_TABLE_DQN = TrainingConfig(
    gamma=0.99,
    hidden_sizes=(),
    batch_size=128,
    target_update="steps",
    epsilon_schedule="linear_steps",
    max_episodes=100_000,
)

_FROZEN_LAKE = EnvironmentPreset(
    env_id="FrozenLake-v1",
    title=mark("FrozenLake"),
    summary=mark("Cross a frozen lake to the goal without falling into a hole. The ice is slippery."),
    reward_rule=mark(
        "+1 for reaching the goal, otherwise 0. The goal and the holes end the episode; it is cut off at 100 steps. On "
        "the slippery lake only a third of the moves go where they should: no policy reaches the goal in more than "
        "74 % of the episodes."
    ),
    play_keys={"ArrowLeft": 0, "ArrowDown": 1, "ArrowRight": 2, "ArrowUp": 3},
    play_speed=0.5,
    configs={
        "fast": _TABLE_DQN.replace(
            env_id="FrozenLake-v1",
            learning_rate=5e-3,
            buffer_size=50_000,
            warmup_steps=2_000,
            target_update_every=100,
            epsilon_end=0.1,
            epsilon_decay_steps=30_000,
            max_env_steps=100_000,
            goal_score=0.71,
            evaluate_every=200,
            evaluation_episodes=100,
            confirmation_episodes=1_000,
        ),
    },
)

_TAXI = EnvironmentPreset(
    env_id="Taxi-v4",
    title=mark("Taxi"),
    summary=mark("Pick up a passenger and drive to the hotel that they want, on the shortest way."),
    reward_rule=mark(
        "-1 a step, -10 for picking up or dropping off in the wrong place, +20 for delivering the passenger, which "
        "ends the episode; it is cut off at 200 steps. The best policy gets 7.9 on average."
    ),
    play_keys={"ArrowDown": 0, "ArrowUp": 1, "ArrowRight": 2, "ArrowLeft": 3, "p": 4, "d": 5},
    play_speed=0.5,
    configs={
        "fast": _TABLE_DQN.replace(
            env_id="Taxi-v4",
            learning_rate=2e-2,
            loss="huber",
            batch_size=64,
            double_dqn=True,
            buffer_size=30_000,
            warmup_steps=2_000,
            target_update="soft",
            target_tau=0.01,
            epsilon_end=0.05,
            epsilon_decay_steps=25_000,
            max_env_steps=200_000,
            goal_score=7.8,
            evaluate_every=200,
            evaluation_episodes=100,
            recheck_episodes=1_000,  # one start of 300 from which the taxi drives in a circle costs 0.7 on average
            confirmation_episodes=1_000,
        ),
    },
)

_CLIFF_WALKING = EnvironmentPreset(
    env_id="CliffWalking-v1",
    title=mark("CliffWalking"),
    summary=mark("Walk along a cliff to the goal, on the shortest way and without falling."),
    reward_rule=mark(
        "-1 a step, -100 for stepping into the cliff, which leads back to the start. Only the goal ends the episode; "
        "the preset cuts it off at 200 steps. The shortest way is 13 steps."
    ),
    play_keys={"ArrowUp": 0, "ArrowRight": 1, "ArrowDown": 2, "ArrowLeft": 3},
    play_speed=0.5,
    configs={
        "fast": _TABLE_DQN.replace(
            env_id="CliffWalking-v1",
            learning_rate=5e-2,
            loss="huber",
            batch_size=64,
            buffer_size=20_000,
            warmup_steps=1_000,
            target_update_every=50,
            epsilon_end=0.05,
            epsilon_decay_steps=10_000,
            max_env_steps=50_000,
            max_episode_steps=200,
            goal_score=-13.5,
            evaluate_every=10,
            evaluation_episodes=1,
            confirmation_episodes=0,
        ),
    },
)

_BLACKJACK = EnvironmentPreset(
    env_id="Blackjack-v1",
    title=mark("Blackjack"),
    summary=mark("Take cards until the sum is near 21, but not above it, and beat the dealer."),
    reward_rule=mark(
        "+1 for winning, -1 for losing, 0 for a draw, at the end of each game. The dealer has the edge: the best "
        "policy loses 0.05 a game on average."
    ),
    play_keys={"s": 0, "h": 1},
    play_speed=0.5,
    configs={
        "fast": _TABLE_DQN.replace(
            env_id="Blackjack-v1",
            gamma=1.0,
            hidden_sizes=(64,),
            learning_rate=5e-4,
            buffer_size=40_000,
            warmup_steps=2_000,
            target_update_every=200,
            epsilon_end=0.2,
            epsilon_decay_steps=20_000,
            max_env_steps=40_000,
            evaluate_every=5_000,
            evaluation_episodes=1_000,
            recheck_episodes=1_000,
        ),
    },
)

# MinAtar (Young & Tian 2019): their settings for DQN, but Adam in the place of RMSProp, Double DQN, and an exploration
# that ends after as many steps as a class has time for.
_MIN_ATAR_DQN = TrainingConfig(
    gamma=0.99,
    learning_rate=2.5e-4,
    batch_size=32,
    buffer_size=100_000,
    warmup_steps=5_000,
    hidden_sizes=(128,),
    loss="huber",
    double_dqn=True,
    target_update="steps",
    target_update_every=1_000,
    epsilon_schedule="linear_steps",
    epsilon_end=0.05,
    epsilon_decay_steps=50_000,
    max_episodes=100_000,
    max_env_steps=250_000,
    evaluate_every=200,
    evaluation_episodes=10,
)
_ARROWS = ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown")

_MIN_BREAKOUT = EnvironmentPreset(
    env_id="MinAtar/Breakout-v1",
    title=mark("Breakout (MinAtar)"),
    summary=mark("Hit the ball with the paddle so that it breaks bricks, in a small version of the Atari game."),
    reward_rule=mark(
        "+1 for each brick; when all 30 are broken, there are new ones. The episode ends when the ball is missed, and "
        "is cut off at 5,000 steps. In one step of ten the last action is repeated (sticky actions)."
    ),
    play_keys={"ArrowLeft": 1, "ArrowRight": 2},
    idle_actions=(0,),
    play_speed=0.5,
    configs={"fast": _MIN_ATAR_DQN.replace(env_id="MinAtar/Breakout-v1")},
)

_MIN_FREEWAY = EnvironmentPreset(
    env_id="MinAtar/Freeway-v1",
    title=mark("Freeway (MinAtar)"),
    summary=mark("Help a chicken across eight lanes of cars, again and again."),
    reward_rule=mark(
        "+1 for each time that the chicken gets to the top; a car sends it back to the start. It can move every third "
        "step. The episode ends after 2,500 steps."
    ),
    play_keys={"ArrowUp": 1, "ArrowDown": 2},
    idle_actions=(0,),
    play_speed=0.5,
    configs={"fast": _MIN_ATAR_DQN.replace(env_id="MinAtar/Freeway-v1", evaluate_every=10, evaluation_episodes=3)},
)

_MIN_ASTERIX = EnvironmentPreset(
    env_id="MinAtar/Asterix-v1",
    title=mark("Asterix (MinAtar)"),
    summary=mark("Collect gold and keep away from enemies; both come from the sides, faster and faster."),
    reward_rule=mark(
        "+1 for each piece of gold. The episode ends when an enemy is touched, and is cut off at 5,000 steps. In one "
        "step of ten the last action is repeated (sticky actions)."
    ),
    play_keys={key: action for action, key in enumerate(_ARROWS, start=1)},
    idle_actions=(0,),
    play_speed=0.5,
    # It takes 400,000 env steps to be learned: more of them fit into the same time with an update every fourth.
    configs={
        "fast": _MIN_ATAR_DQN.replace(
            env_id="MinAtar/Asterix-v1",
            buffer_size=200_000,
            update_every=4,
            epsilon_decay_steps=150_000,
            epsilon_end=0.02,
            max_env_steps=750_000,
            evaluate_every=100,
            evaluation_episodes=20,
        )
    },
)

_MIN_SPACE_INVADERS = EnvironmentPreset(
    env_id="MinAtar/SpaceInvaders-v1",
    title=mark("Space Invaders (MinAtar)"),
    summary=mark("Shoot at aliens that come down, and keep out of the way of their bullets."),
    reward_rule=mark(
        "+1 for each alien; when all 24 are shot, there are new and faster ones. The episode ends when a bullet or an "
        "alien touches the cannon, and is cut off at 5,000 steps. In one step of ten the last action is repeated "
        "(sticky actions)."
    ),
    play_keys={"ArrowLeft": 1, "ArrowRight": 2, "ArrowUp": 3},
    idle_actions=(0,),
    play_speed=0.5,
    configs={"fast": _MIN_ATAR_DQN.replace(env_id="MinAtar/SpaceInvaders-v1")},
)

PRESETS: Mapping[str, EnvironmentPreset] = {
    preset.env_id: preset
    for preset in (
        _CARTPOLE,
        _LUNAR_LANDER,
        _ACROBOT,
        _MOUNTAIN_CAR,
        _FROZEN_LAKE,
        _TAXI,
        _CLIFF_WALKING,
        _BLACKJACK,
        _MIN_BREAKOUT,
        _MIN_FREEWAY,
        _MIN_ASTERIX,
        _MIN_SPACE_INVADERS,
    )
}


# Mnih et al. (2015), with Adam and the sizes of Stable-Baselines3's tuned DQN (RL Zoo): a memory of 100,000 states in
# place of a million, and the target network renewed every 1,000 env steps. Four frames are one env step.
_ATARI_DQN = TrainingConfig(
    gamma=0.99,
    learning_rate=1e-4,
    batch_size=32,
    buffer_size=100_000,
    warmup_steps=50_000,
    network="nature",
    loss="huber",
    target_update="steps",
    target_update_every=1_000,
    epsilon_schedule="linear_steps",
    epsilon_end=0.01,
    epsilon_decay_steps=1_000_000,
    update_every=4,
    max_episodes=1_000_000,
    max_env_steps=10_000_000,
    evaluate_every=100,
    evaluation_episodes=5,
)

ATARI_PRESETS: Mapping[str, EnvironmentPreset] = {
    "ALE/Pong-v5": EnvironmentPreset(
        env_id="ALE/Pong-v5",
        title=mark("Pong (Atari)"),
        summary=mark("Play table tennis against the computer, as Atari's console had it in 1977."),
        reward_rule=mark("+1 for each point that you win, -1 for each that you lose; the game ends at 21."),
        play_keys={"ArrowUp": 2, "ArrowDown": 3, "ArrowRight": 1},
        idle_actions=(0,),
        configs={"nature": _ATARI_DQN.replace(env_id="ALE/Pong-v5", evaluate_every=50, evaluation_episodes=3)},
    ),
    "ALE/Breakout-v5": EnvironmentPreset(
        env_id="ALE/Breakout-v5",
        title=mark("Breakout (Atari)"),
        summary=mark("Break a wall of bricks with a ball, as Atari's console had it in 1978."),
        reward_rule=mark(
            "1, 4 or 7 for each brick, by its height; the agent learns from 1 for each. The game ends with the fifth "
            "ball lost; while the agent trains, each ball is an episode."
        ),
        play_keys={"ArrowLeft": 3, "ArrowRight": 2, "ArrowUp": 1},
        idle_actions=(0,),
        configs={
            "nature": _ATARI_DQN.replace(
                env_id="ALE/Breakout-v5",
                env_kwargs=Arguments({"terminal_on_life_loss": True}),
                evaluation_env_kwargs=Arguments({"terminal_on_life_loss": False}),
                reward_formula="sign(reward)",
            )
        },
    ),
}
"""Games that need ``requirements-atari.txt``. They are for a GPU: nobody waits for ten million steps on a CPU."""


def find_preset(env_id: str) -> EnvironmentPreset | None:
    """What is known of ``env_id`` by heart; None where nothing is."""
    return PRESETS.get(env_id) or ATARI_PRESETS.get(env_id)


_DEFAULT = TrainingConfig(
    learning_rate=5e-4,
    loss="huber",
    buffer_size=50_000,
    target_update="steps",
    epsilon_schedule="linear_steps",
    epsilon_end=0.05,
    max_episodes=1_000,
    evaluate_every=10,
    evaluation_episodes=5,
)


def preset_names(env_id: str) -> tuple[str, ...]:
    """Names of the presets of ``env_id``; an environment without presets of its own has "default"."""
    preset = find_preset(env_id)
    return tuple(preset.configs) if preset else ("default",)


def preset_config(env_id: str, name: str) -> TrainingConfig:
    """The config of the preset ``name`` of ``env_id``; raises :class:`ConfigError` for an unknown name."""
    if name not in preset_names(env_id):
        template, choices = mark("must be one of {choices}"), ", ".join(preset_names(env_id))
        raise ConfigError((FieldProblem("preset", name, template, {"choices": choices}),))
    preset = find_preset(env_id)
    return preset.configs[name] if preset else _DEFAULT.replace(env_id=env_id)


def preset_name(config: TrainingConfig) -> str:
    """Name of the preset that ``config`` equals in all but seed and compute, or "custom"."""
    for name in preset_names(config.env_id):
        differences = config.differences(preset_config(config.env_id, name))
        if all(field in _LABEL_FIELDS for field, *_ in differences):
            return name
    return "custom"


def nearest_preset(config: TrainingConfig) -> str:
    """Name of the preset of its environment that ``config`` differs least from, the first of those."""
    names = preset_names(config.env_id)
    return min(names, key=lambda name: len(config.differences(preset_config(config.env_id, name))))


# ------------------------------------------------------------------------------------------------------ records

RECORDS = Path(__file__).parent / "preset_records.json"
"""What came of each preset over many seeds; made by ``make results``."""


@dataclass(frozen=True, kw_only=True)
class PresetRecord:
    """On how many seeds a preset reached its goal."""

    env_id: str
    preset: str
    settings: str
    """:func:`settings_digest` of the config that was measured."""
    goal: float
    """Return to reach."""
    reached: int
    seeds: int
    low: float
    """Ends of the 95 % interval of the share of seeds, 0 to 1."""
    high: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def settings_digest(config: TrainingConfig) -> str:
    """A few letters that change with any setting but seed and compute; fields to come do not change them."""
    told = {name: own for name, own, _ in config.replace(seed=0, compute="auto").differences(TrainingConfig())}
    return hashlib.sha256(json_text(dict(sorted(told.items()))).encode()).hexdigest()[:12]


def preset_record(env_id: str, name: str) -> PresetRecord | None:
    """What was measured of the preset as it is now; None where nothing was."""
    record = _records().get((env_id, name))
    if record is None or record.settings != settings_digest(preset_config(env_id, name)):
        return None
    return record


@functools.cache
def _records() -> Mapping[tuple[str, str], PresetRecord]:
    if not RECORDS.is_file():
        return {}
    records = [PresetRecord(**values) for values in json.loads(RECORDS.read_text("utf-8"))]
    return {(each.env_id, each.preset): each for each in records}
