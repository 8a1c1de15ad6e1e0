"""How each field of the config looks in the form: one line of :data:`FIELDS` for each.

Ranges and whether a field may change during a run are not repeated here: they come from ``dqn_core.config``.
Labels and explanations are message templates; what an explanation says is the effect of *raising* the value, or of
turning a switch on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dqn_core.errors import mark
from pages.shared.numbers import one_two_five

__all__ = ["EXPLAINED_GROUPS", "FIELDS", "GROUP_TITLES", "FormField", "Group", "Widget"]


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
    "seed": FormField(mark("Seed"), mark("Another number draws other random weights, actions and starts; the same number repeats a run exactly."), Group.TOP, Widget.NUMBER),
    "gamma": FormField(mark("Discount (gamma)"), mark("Higher: rewards further ahead count more, but learning gets slower and less stable."), Group.MAIN, Widget.STOPS, _GAMMAS),
    "learning_rate": FormField(mark("Learning rate"), mark("Higher: bigger steps, so faster learning at first, but jumpy or diverging beyond a point."), Group.MAIN, Widget.STOPS, one_two_five(1e-5, 1e-1)),
    "buffer_size": FormField(mark("Replay memory size"), mark("Higher: more varied batches from older experience, but new experience counts for less."), Group.MAIN, Widget.STOPS, one_two_five(100, 1_000_000)),
    "epsilon_decay_rate": FormField(mark("Epsilon decay rate"), mark("Higher: random exploration fades sooner, and the agent relies on what it has learned so far."), Group.MAIN, Widget.STOPS, _RATES, needs=("epsilon_schedule", "episode_exponential")),
    "epsilon_decay_steps": FormField(mark("Epsilon decay steps"), mark("Higher: random exploration lasts longer before the agent relies on what it has learned."), Group.MAIN, Widget.STOPS, one_two_five(100, 1_000_000), needs=("epsilon_schedule", "linear_steps")),
    "batch_size": FormField(mark("Batch size"), mark("Higher: smoother updates, each of which takes longer."), Group.LEARNING, Widget.STOPS, _BATCHES),
    "minibatch_size": FormField(mark("Minibatch size"), mark("Above 0, each batch is split at random into minibatches of this size, with a gradient step on each: smaller ones mean more, noisier steps. 0 takes the whole batch at once."), Group.LEARNING, Widget.STOPS, (0, *_BATCHES)),
    "distinct_rows": FormField(mark("Draw without replacement"), mark("On: no transition is drawn twice for one batch."), Group.LEARNING, Widget.SWITCH, needs=("prioritized_replay", False)),
    "warmup_steps": FormField(mark("Warm-up steps"), mark("Higher: more random experience is in the replay memory before learning begins."), Group.LEARNING, Widget.STOPS, (0, *one_two_five(100, 100_000))),
    "update_every": FormField(mark("Steps between updates"), mark("Higher: fewer updates for the same experience, so faster but less thorough."), Group.LEARNING, Widget.NUMBER),
    "gradient_steps": FormField(mark("Updates each time"), mark("Higher: more is learned from the same experience, at the price of time and stability."), Group.LEARNING, Widget.NUMBER),
    "hidden_sizes": FormField(mark("Hidden layer widths"), mark("Larger: the network can express more, but needs more data and time. Separate the widths by commas."), Group.LEARNING, Widget.WIDTHS),
    "loss": FormField(mark("Loss"), mark("Huber is gentler than the mean squared error with large errors."), Group.LEARNING, Widget.CHOICE),
    "loss_over_all_outputs": FormField(mark("Loss over all outputs"), mark("On: the loss is averaged over all actions, those not taken with their own earlier value as label. With several minibatches this holds them where they were; it also makes the taken action's gradient smaller."), Group.LEARNING, Widget.SWITCH, needs=("distribution", "none")),
    "gradient_clip_value": FormField(mark("Gradient clip"), mark("Higher: larger gradients pass uncut. 0 turns clipping off."), Group.LEARNING, Widget.NUMBER),
    "adam_epsilon": FormField(mark("Adam's epsilon"), mark("Higher: smaller steps where gradients are tiny."), Group.LEARNING, Widget.STOPS, one_two_five(1e-8, 1e-3)),
    "adam_epsilon_hat": FormField(mark("Keras' Adam epsilon"), mark("On: Adam's epsilon is added before the bias correction, as Keras does, so it weighs more in the first steps."), Group.LEARNING, Widget.SWITCH),
    "epsilon_schedule": FormField(mark("Schedule"), mark("Whether exploration fades over episodes or over single steps."), Group.EXPLORATION, Widget.CHOICE),
    "epsilon_start": FormField(mark("Epsilon at the start"), mark("Higher: more random actions at first."), Group.EXPLORATION, Widget.SHARE),
    "epsilon_end": FormField(mark("Epsilon at the end"), mark("Higher: more random actions remain for good."), Group.EXPLORATION, Widget.SHARE),
    "epsilon_decay_start": FormField(mark("Episodes before the decay"), mark("Higher: epsilon stays at its start for more episodes before it begins to fall."), Group.EXPLORATION, Widget.NUMBER, needs=("epsilon_schedule", "episode_exponential")),
    "target_update": FormField(mark("Target network follows"), mark("When the target network takes over the online network's weights."), Group.TARGET, Widget.CHOICE),
    "target_update_every": FormField(mark("Steps between copies"), mark("Higher: targets stay fixed longer, so learning is steadier but slower."), Group.TARGET, Widget.STOPS, one_two_five(10, 100_000), needs=("target_update", "steps")),
    "target_tau": FormField(mark("Share mixed in (tau)"), mark("Higher: the target network follows faster, so learning is quicker but less steady."), Group.TARGET, Widget.STOPS, one_two_five(1e-3, 1), needs=("target_update", "soft")),
    "double_dqn": FormField(mark("Double DQN"), mark("On: the online network picks the next action and the target network values it, so values are over-estimated less."), Group.VARIANTS, Widget.SWITCH),
    "dueling": FormField(mark("Dueling heads"), mark("On: the network tells how good a state is apart from how much better each action is than the others."), Group.VARIANTS, Widget.SWITCH),
    "n_step": FormField(mark("Steps per return (n)"), mark("Higher: rewards reach earlier states sooner, but returns carry more chance and more of old actions."), Group.VARIANTS, Widget.STOPS, (1, 2, 3, 4, 5, 7, 10, 20)),
    "prioritized_replay": FormField(mark("Prioritized replay"), mark("On: transitions that surprised the network are replayed more often."), Group.VARIANTS, Widget.SWITCH),
    "priority_alpha": FormField(mark("Strength of priorities (alpha)"), mark("Higher: surprising transitions are preferred more strongly; 0 draws all alike."), Group.VARIANTS, Widget.SHARE, needs=("prioritized_replay", True)),
    "priority_beta": FormField(mark("Correction at first (beta)"), mark("Higher: what is replayed often counts less each time from the beginning on, so learning is less biased."), Group.VARIANTS, Widget.SHARE, needs=("prioritized_replay", True)),
    "priority_beta_steps": FormField(mark("Steps to full correction"), mark("Higher: beta takes longer to reach 1, where the bias of priorities is made up for wholly."), Group.VARIANTS, Widget.STOPS, one_two_five(1_000, 1_000_000), needs=("prioritized_replay", True)),
    "noisy_nets": FormField(mark("NoisyNets"), mark("On: the network explores by learned noise on its weights, and epsilon is 0. PyTorch only."), Group.VARIANTS, Widget.SWITCH),
    "distribution": FormField(mark("Learned of the return"), mark("Quantiles (QR-DQN) tell how returns spread, not only their mean, with a loss of their own. PyTorch only."), Group.VARIANTS, Widget.CHOICE),
    "quantiles": FormField(mark("Quantiles per action"), mark("Higher: the spread of returns is told more finely, and each update takes longer."), Group.VARIANTS, Widget.NUMBER, needs=("distribution", "quantile")),
    "evaluate_every": FormField(mark("Episodes between evaluations"), mark("Higher: less time is spent on evaluations. 0 turns them off."), Group.EVALUATION, Widget.NUMBER),
    "evaluation_episodes": FormField(mark("Episodes per evaluation"), mark("Higher: a surer estimate that takes longer."), Group.EVALUATION, Widget.NUMBER),
    "recheck_episodes": FormField(mark("Extra episodes for a new best"), mark("Higher: a lucky evaluation is less likely to decide which network is kept as the best. 0 turns this off."), Group.EVALUATION, Widget.NUMBER),
    "goal_score": FormField(mark("Goal score"), mark("Higher: the agent must do better before the run counts as solved and ends."), Group.EVALUATION, Widget.NUMBER, none_text=mark("no goal")),
    "confirmation_episodes": FormField(mark("Confirmation episodes"), mark("Higher: a lucky evaluation is less likely to count as solved."), Group.EVALUATION, Widget.NUMBER),
    "max_episodes": FormField(mark("Episodes at most"), mark("Higher: the run may last longer; the epsilon schedule over episodes stretches with it."), Group.LIMITS, Widget.NUMBER),
    "max_env_steps": FormField(mark("Env steps at most"), mark("Higher: the run may last longer."), Group.LIMITS, Widget.NUMBER, none_text=mark("no limit")),
    "max_episode_steps": FormField(mark("Steps per episode at most"), mark("Higher: an episode is cut off later."), Group.LIMITS, Widget.NUMBER, none_text=mark("the environment's own")),
    "compute": FormField(mark("Compute"), mark("Where the updates are calculated; automatic takes the fastest for this network."), Group.COMPUTE, Widget.CHOICE),
    "mistake_cut_at_truncation": FormField(mark("Mistake: cut off means over"), mark("On: an episode that only ran out of time counts as ended, so the network learns that its last states are worth nothing."), Group.MISTAKES, Widget.SWITCH),
    "mistake_no_target_network": FormField(mark("Mistake: no target network"), mark("On: the network chases its own newest estimates, so values may swing or run away."), Group.MISTAKES, Widget.SWITCH),
    "mistake_no_replay": FormField(mark("Mistake: no replay"), mark("On: each update sees the last transitions only, which resemble each other, so the rest is forgotten."), Group.MISTAKES, Widget.SWITCH),
    "mistake_explore_in_evaluation": FormField(mark("Mistake: explore in evaluations"), mark("On: evaluations take random actions too, so the agent looks worse than it is."), Group.MISTAKES, Widget.SWITCH),
}  # fmt: skip
"""Every field of ``TrainingConfig``, in the order of the form."""

GROUP_TITLES = {
    Group.LEARNING: mark("Learning"),
    Group.EXPLORATION: mark("Exploration"),
    Group.TARGET: mark("Target network"),
    Group.VARIANTS: mark("Variants of DQN"),
    Group.EVALUATION: mark("Evaluation and goal"),
    Group.LIMITS: mark("Limits"),
    Group.COMPUTE: mark("Compute"),
    Group.MISTAKES: mark("Well-known mistakes, to try out"),
}
"""Titles of the groups under "More settings", in their order."""

EXPLAINED_GROUPS = {
    Group.VARIANTS: mark("What the field has added to DQN: each can be turned on alone."),
    Group.MISTAKES: mark(
        "Each of these is a mistake often made in earnest. Turn one on to see what it does; leave all off for results."
    ),
}
"""Groups that begin with a text, and whose fields' explanations stand on the page rather than in tooltips."""
