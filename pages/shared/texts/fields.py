"""How each field of the config looks in the form: one line of :data:`FIELDS` for each.

Ranges and whether a field may change during a run are not repeated here: they come from ``dqn_core.config``.
Labels and explanations are message templates; what an explanation says is the effect of *raising* the value, or of
turning a switch on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from dqn_core.environments.physics import ARGUMENT_LABELS
from dqn_core.errors import mark
from dqn_core.runs.classes.classroom import WEIGHTS
from pages.shared.texts.numbers import one_two_five

__all__ = ["EXPLAINED_GROUPS", "FIELDS", "GROUP_TITLES", "FormField", "Group", "Widget", "label_of"]


class Widget(Enum):
    """What a field is set with."""

    STOPS = "a slider over given stops"
    SHARE = "a slider from 0 to 1"
    NUMBER = "a number box"
    CHOICE = "one of a few words"
    WIDTHS = "a list of whole numbers"
    SWITCH = "a switch"
    OWN = "a control that is made elsewhere"


class Group(Enum):
    """Where a field stands in the form."""

    TOP = "top"
    MAIN = "main"
    ENVIRONMENT = "environment"
    LEARNING = "learning"
    EXPLORATION = "exploration"
    TARGET = "target"
    VARIANTS = "variants"
    EVALUATION = "evaluation"
    LIMITS = "limits"
    COMPUTE = "compute"
    MISTAKES = "mistakes"


@dataclass(frozen=True)
class FormField:
    """One field's label, what raising it does, its widget and its place."""

    label: str
    raising: str
    group: Group
    widget: Widget
    stops: tuple[float, ...] = ()
    needs: tuple[str, str | bool] | None = None
    """(other field, its value) without which this field has no effect and is not shown."""
    none_text: str | None = None
    """What an empty number box means; None for a field that needs a value."""


_GAMMAS = (0, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 1)
_BATCHES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
_RATES = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100)

FIELDS: dict[str, FormField] = {
    "env_id": FormField(mark("Environment"), mark("The task that the agent learns."), Group.TOP, Widget.OWN),
    "env_kwargs": FormField(mark("Arguments of the environment"), mark("What differs from the environment's own defaults, such as gravity."), Group.ENVIRONMENT, Widget.OWN),
    "evaluation_env_kwargs": FormField(mark("Different in evaluations"), mark("Evaluations are played with these values instead: train on the Moon, test on Earth."), Group.ENVIRONMENT, Widget.OWN),
    "reward_formula": FormField(mark("Reward formula"), mark("The agent learns from this instead of the environment's reward. Returns and evaluations still count the environment's own reward."), Group.ENVIRONMENT, Widget.OWN, none_text=mark("the environment's own reward")),
    "seed": FormField(mark("Seed"), mark("Another number gives other random weights, actions and starts; the same number repeats a run exactly."), Group.TOP, Widget.NUMBER),
    "gamma": FormField(mark("Discount factor γ"), mark("Higher: rewards further ahead count more, but learning gets slower and less stable."), Group.MAIN, Widget.STOPS, _GAMMAS),
    "learning_rate": FormField(mark("Learning rate"), mark("Higher: larger steps, so faster learning at first; beyond a point, learning oscillates or diverges."), Group.MAIN, Widget.STOPS, one_two_five(1e-5, 1e-1)),
    "buffer_size": FormField(mark("Replay memory size"), mark("Higher: more varied batches that include older experience, but new experience counts for less."), Group.MAIN, Widget.STOPS, one_two_five(100, 1_000_000)),
    "epsilon_decay_rate": FormField(mark("Epsilon decay rate"), mark("Higher: random exploration fades sooner, and the agent relies on what it has learned so far."), Group.MAIN, Widget.STOPS, _RATES, needs=("epsilon_schedule", "episode_exponential")),
    "epsilon_decay_steps": FormField(mark("Epsilon decay steps"), mark("Higher: random exploration lasts longer before the agent relies on what it has learned."), Group.MAIN, Widget.STOPS, one_two_five(100, 1_000_000), needs=("epsilon_schedule", "linear_steps")),
    "batch_size": FormField(mark("Batch size"), mark("Higher: smoother updates, each of which takes longer."), Group.LEARNING, Widget.STOPS, _BATCHES),
    "minibatch_size": FormField(mark("Minibatch size"), mark("Above 0, each batch is split at random into minibatches of this size, with one gradient step on each: smaller ones mean more and noisier steps. 0 uses the whole batch at once."), Group.LEARNING, Widget.STOPS, (0, *_BATCHES)),
    "distinct_rows": FormField(mark("Draw without replacement"), mark("On: no transition is drawn twice for one batch."), Group.LEARNING, Widget.SWITCH, needs=("prioritized_replay", False)),
    "warmup_steps": FormField(mark("Warm-up steps"), mark("Higher: more random experience is in the replay memory before learning begins."), Group.LEARNING, Widget.STOPS, (0, *one_two_five(100, 100_000))),
    "update_every": FormField(mark("Steps between updates"), mark("Higher: fewer updates for the same experience, so it is faster but learns less from it."), Group.LEARNING, Widget.NUMBER),
    "gradient_steps": FormField(mark("Gradient steps per update"), mark("Higher: more is learned from the same experience, at the cost of time and stability."), Group.LEARNING, Widget.NUMBER),
    "parallel_environments": FormField(mark("Parallel environments"), mark("Higher: several copies of the environment take their steps in turns, and one pass through the network chooses all their actions. Batches hold more different episodes, and a GPU waits less."), Group.LEARNING, Widget.NUMBER),
    "network": FormField(mark("Network"), mark("Convolutional networks learn from pictures; automatic takes the one for the observation's shape, and a dense one where it is no picture."), Group.LEARNING, Widget.CHOICE),
    "hidden_sizes": FormField(mark("Hidden layer widths"), mark("Larger: the network can express more, but needs more data and time. Separate the widths by commas. Of dense networks."), Group.LEARNING, Widget.WIDTHS),
    "normalize_observations": FormField(mark("Normalize observations"), mark("On: each number of an observation is brought to mean 0 and standard deviation 1, by what has been seen so far. Helps where the numbers are of very different sizes."), Group.LEARNING, Widget.SWITCH),
    "loss": FormField(mark("Loss"), mark("Huber is gentler than the mean squared error with large errors."), Group.LEARNING, Widget.CHOICE),
    "loss_over_all_outputs": FormField(mark("Loss over all outputs"), mark("On: the loss is averaged over all actions; the target of an action not taken is its own earlier Q-value. With several minibatches this holds those values in place; it also makes the gradient of the taken action smaller."), Group.LEARNING, Widget.SWITCH, needs=("distribution", "none")),
    "gradient_clip_value": FormField(mark("Gradient clipping"), mark("Higher: only larger gradients are clipped. 0 turns clipping off."), Group.LEARNING, Widget.NUMBER),
    "adam_epsilon": FormField(mark("Adam's epsilon"), mark("Higher: smaller steps where gradients are tiny."), Group.LEARNING, Widget.STOPS, one_two_five(1e-8, 1e-3)),
    "adam_epsilon_hat": FormField(mark("Keras' Adam epsilon"), mark("On: Adam's epsilon is added before the bias correction, as Keras does, so it weighs more in the first steps."), Group.LEARNING, Widget.SWITCH),
    "epsilon_schedule": FormField(mark("Schedule"), mark("Whether exploration decays over episodes or over single steps."), Group.EXPLORATION, Widget.CHOICE),
    "epsilon_start": FormField(mark("Initial epsilon"), mark("Higher: more random actions at first."), Group.EXPLORATION, Widget.SHARE),
    "epsilon_end": FormField(mark("Final epsilon"), mark("Higher: more random actions remain to the end."), Group.EXPLORATION, Widget.SHARE),
    "epsilon_decay_start": FormField(mark("Episodes before decay"), mark("Higher: epsilon keeps its initial value for more episodes before it decays."), Group.EXPLORATION, Widget.NUMBER, needs=("epsilon_schedule", "episode_exponential")),
    "target_update": FormField(mark("Target network update"), mark("When the target network takes over the weights of the online network."), Group.TARGET, Widget.CHOICE),
    "target_update_every": FormField(mark("Target update interval"), mark("Higher: targets stay fixed longer, so learning is steadier but slower."), Group.TARGET, Widget.STOPS, one_two_five(10, 100_000), needs=("target_update", "steps")),
    "target_tau": FormField(mark("Soft-update rate τ"), mark("Higher: the target network follows faster, so learning is quicker but less steady."), Group.TARGET, Widget.STOPS, one_two_five(1e-3, 1), needs=("target_update", "soft")),
    "double_dqn": FormField(mark("Double DQN"), mark("On: the online network picks the next action and the target network evaluates it, which reduces overestimation."), Group.VARIANTS, Widget.SWITCH),
    "dueling": FormField(mark("Dueling heads"), mark("On: the network estimates the value of a state separately from the advantage of each action."), Group.VARIANTS, Widget.SWITCH),
    "n_step": FormField(mark("n-step return"), mark("Higher: rewards reach earlier states sooner, but targets get noisier and depend more on past actions."), Group.VARIANTS, Widget.STOPS, (1, 2, 3, 4, 5, 7, 10, 20)),
    "prioritized_replay": FormField(mark("Prioritized replay"), mark("On: transitions with large TD errors are replayed more often."), Group.VARIANTS, Widget.SWITCH),
    "priority_alpha": FormField(mark("Priority exponent α"), mark("Higher: transitions with large TD errors are sampled more often; 0 samples all with equal probability."), Group.VARIANTS, Widget.SHARE, needs=("prioritized_replay", True)),
    "priority_beta": FormField(mark("Importance-sampling exponent β"), mark("Higher: frequently sampled transitions count less in the loss from the start, so learning is less biased."), Group.VARIANTS, Widget.SHARE, needs=("prioritized_replay", True)),
    "priority_beta_steps": FormField(mark("Steps until β reaches 1"), mark("Higher: β takes longer to reach 1, where the bias of prioritized sampling is fully corrected."), Group.VARIANTS, Widget.STOPS, one_two_five(1_000, 1_000_000), needs=("prioritized_replay", True)),
    "noisy_nets": FormField(mark("NoisyNets"), mark("On: the network explores through learned noise on its weights, and epsilon is 0. PyTorch only."), Group.VARIANTS, Widget.SWITCH),
    "distribution": FormField(mark("Return distribution"), mark("Quantiles (QR-DQN) describe the whole distribution of returns, not only its mean, with a loss of their own. PyTorch only."), Group.VARIANTS, Widget.CHOICE),
    "quantiles": FormField(mark("Quantiles per action"), mark("Higher: a finer return distribution, but each update takes longer."), Group.VARIANTS, Widget.NUMBER, needs=("distribution", "quantile")),
    "evaluate_every": FormField(mark("Episodes between evaluations"), mark("Higher: less time is spent on evaluations. 0 turns them off."), Group.EVALUATION, Widget.NUMBER),
    "evaluation_episodes": FormField(mark("Episodes per evaluation"), mark("Higher: a more reliable estimate that takes longer."), Group.EVALUATION, Widget.NUMBER),
    "recheck_episodes": FormField(mark("Extra episodes for a new best"), mark("Higher: a lucky evaluation is less likely to decide which network is kept as the best. 0 turns this off."), Group.EVALUATION, Widget.NUMBER),
    "goal_score": FormField(mark("Goal score"), mark("Higher: the agent must do better before the run counts as solved and ends."), Group.EVALUATION, Widget.NUMBER, none_text=mark("no goal")),
    "confirmation_episodes": FormField(mark("Confirmation episodes"), mark("Higher: a lucky evaluation is less likely to count as solved."), Group.EVALUATION, Widget.NUMBER),
    "max_episodes": FormField(mark("Max episodes"), mark("Higher: the run may last longer; the epsilon schedule over episodes stretches with it."), Group.LIMITS, Widget.NUMBER),
    "max_env_steps": FormField(mark("Max env steps"), mark("Higher: the run may last longer."), Group.LIMITS, Widget.NUMBER, none_text=mark("no limit")),
    "max_episode_steps": FormField(mark("Steps per episode at most"), mark("Higher: an episode is cut off later."), Group.LIMITS, Widget.NUMBER, none_text=mark("environment default")),
    "compute": FormField(mark("Compute"), mark("Where the updates are calculated; automatic takes the fastest for this network."), Group.COMPUTE, Widget.CHOICE),
    "mixed_precision": FormField(mark("Mixed precision"), mark("On: updates compute all layers but the last in bfloat16, with two to three digits: faster for large networks where the processor has bfloat16, slower for small ones. PyTorch only."), Group.COMPUTE, Widget.SWITCH),
    "mistake_cut_at_truncation": FormField(mark("Mistake: truncation counts as termination"), mark("On: an episode that only hit the time limit counts as terminated, so the network learns that its last states are worth nothing."), Group.MISTAKES, Widget.SWITCH),
    "mistake_no_target_network": FormField(mark("Mistake: no target network"), mark("On: the network bootstraps from its own newest estimates, so values may oscillate or diverge."), Group.MISTAKES, Widget.SWITCH),
    "mistake_no_replay": FormField(mark("Mistake: no replay"), mark("On: each update uses only the latest transitions, which resemble each other, and the rest is forgotten."), Group.MISTAKES, Widget.SWITCH),
    "mistake_explore_in_evaluation": FormField(mark("Mistake: explore in evaluations"), mark("On: evaluations take random actions too, so the agent looks worse than it is."), Group.MISTAKES, Widget.SWITCH),
}  # fmt: skip
"""Every field of ``TrainingConfig``, in the order of the form."""

GROUP_TITLES = {
    Group.ENVIRONMENT: mark("Environment: physics and reward"),
    Group.LEARNING: mark("Learning"),
    Group.EXPLORATION: mark("Exploration"),
    Group.TARGET: mark("Target network"),
    Group.VARIANTS: mark("Variants of DQN"),
    Group.EVALUATION: mark("Evaluation and goal"),
    Group.LIMITS: mark("Limits"),
    Group.COMPUTE: mark("Compute"),
    Group.MISTAKES: mark("Common mistakes to try out"),
}
"""Titles of the groups under "More settings", in their order."""

EXPLAINED_GROUPS = {
    Group.VARIANTS: mark("Extensions of DQN from the literature. Each can be turned on separately."),
    Group.MISTAKES: mark(
        "Each of these is a common mistake. Turn one on to see its effect; leave all off for valid results."
    ),
}
"""Groups that begin with a text, and whose fields' explanations stand on the page rather than in tooltips."""

_OTHER_LABELS = {WEIGHTS: mark("Initial weights")}
"""Of what is chosen beside the config."""
_IN_EVALUATIONS = mark("{label} in evaluations")


def label_of(name: str, say: Callable[[str], str]) -> str:
    """The label of field ``name``, or of an argument such as ``env_kwargs.gravity``; the name itself where it has none.

    ``say`` puts a text into the reader's language.
    """
    field, dot, argument = name.partition(".")
    if not dot or field not in FIELDS:
        return say(FIELDS[name].label if name in FIELDS else _OTHER_LABELS.get(name, name))
    label = say(ARGUMENT_LABELS[argument]) if argument in ARGUMENT_LABELS else argument
    return say(_IN_EVALUATIONS).format(label=label) if field == "evaluation_env_kwargs" else label
