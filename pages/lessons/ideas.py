"""The idea of each lesson: a paragraph whose numbers can be dragged, and a figure that follows them.

What follows from the numbers is computed in the browser, by the model of the lesson's name in ``idea_models.js``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dqn_core.errors import mark
from dqn_core.lessons.lesson import Lesson
from pages.shared.browser.component import Component
from pages.shared.texts.i18n import _, current_language

__all__ = ["COMPONENT_NAME", "IDEAS", "Idea", "idea"]

COMPONENT_NAME = "dqn_lab_idea"
_draw = Component(COMPONENT_NAME, "lessons/idea.js", ("shared/browser/base.css", "lessons/idea.css"))


@dataclass(frozen=True)
class Idea:
    """The texts of one idea."""

    text: str
    """With ``{name}`` for each number, those to drag and those that follow; ``{outcome}`` is one of the words."""
    words: Mapping[str, str]
    """Names of the numbers to drag, the lines of the figure, the title of its x-axis (``x``), what it shows
    (``figure``), and sentences for what the numbers come to."""


def idea(lesson: Lesson) -> None:
    """Draw the lesson's idea."""
    shown = IDEAS[lesson.name]
    constants = {
        "text": _(shown.text),
        "words": {name: _(text) for name, text in shown.words.items()},
        "labels": {
            "title": _("The idea"),
            "hint": _("Drag the underlined numbers, or select one and press the arrow keys: text and figure follow."),
        },
    }
    data = {"lesson": lesson.name, "locale": current_language()}
    _draw(key=f"idea:{lesson.name}", data=data, constants=constants)


IDEAS: Mapping[str, Idea] = {
    "reward-and-return": Idea(
        mark(
            "CartPole gives a reward of 1 for every step until the pole falls. Suppose that it falls after {fall} "
            "steps. At step {step}, the next reward is 1, whatever the agent does. {outcome} That sum is the return. "
            "The reward cannot tell a good action from a bad one here; the return can, as it counts the steps that are "
            "still to come."
        ),
        {
            "fall": mark("Step at which the pole falls"),
            "step": mark("Present step"),
            "running": mark("The rewards of this step and of all that follow add up to {rest}."),
            "over": mark("The episode is over by then, and there is nothing left to add up."),
            "return": mark("return from this step on"),
            "reward": mark("reward of this step"),
            "x": mark("Step of the episode"),
            "figure": mark("Reward of each step, and the return from it on"),
        },
    ),
    "epsilon-greedy": Idea(
        mark(
            "Ten slot machines pay differently on average, and only playing tells how much. With ε = {epsilon}, the "
            "agent plays a machine at random in {percent} of its plays, and otherwise the one that has paid best so "
            "far. After {plays} plays it gets {mean} per play, where the best machine pays {best}; it plays the best "
            "one in {found} of the last plays. With ε = 0 it stays with the first machine that pays at all; with a "
            "large ε it knows the best one and seldom plays it."
        ),
        {
            "epsilon": mark("Epsilon ε"),
            "best": mark("best machine"),
            "greedy": "ε = 0",
            "chosen": mark("the chosen ε"),
            "x": mark("Plays"),
            "figure": mark("Mean reward per play over the plays, for the chosen epsilon and for epsilon 0"),
        },
    ),
    "discount-factor": Idea(
        mark(
            "At step t, a reward that comes at step t + {steps} counts γ to the power of {steps}: with γ = {gamma}, "
            "that is {weight} of its size. The agent looks about 1 / (1 - γ) = {horizon} steps ahead. {outcome}"
        ),
        {
            "steps": mark("Steps until the reward"),
            "gamma": mark("Discount factor γ"),
            "seen": mark("A reward so far ahead still tells one action from another."),
            "unseen": mark("A reward so far ahead is lost in the errors of the network."),
            "weight": mark("what a reward counts"),
            "x": mark("Steps until the reward"),
            "figure": mark("What a reward counts, by how many steps ahead it is"),
        },
    ),
    "learning-rate": Idea(
        mark(
            "Take the simplest loss, w², with its minimum at w = 0. Gradient descent moves w against the slope, by the "
            "learning rate times the slope. With a learning rate of {alpha}, each step multiplies w by {factor}. From "
            "w = 3, ten steps leave an error of {error}. {outcome}"
        ),
        {
            "alpha": mark("Learning rate"),
            "slow": mark("Each step is in the right direction, and much too short."),
            "converges": mark("It converges within these few steps."),
            "swings": mark("It overshoots the minimum again and again, and gains little each time."),
            "diverges": mark("It diverges: every step goes further beyond the minimum than it was away before."),
            "loss": mark("loss"),
            "path": mark("ten steps"),
            "x": mark("Weight w"),
            "figure": mark("A parabola, and ten steps of gradient descent on it"),
        },
    ),
    "experience-replay": Idea(
        mark(
            "An episode lasts {length} steps here. The newest {batch} transitions come from {few} of them at most: "
            "they are nearly the same situation {batch} times. Of {batch} drawn at random from a memory of {size} "
            "transitions, the mean number of different episodes is {many}. The gradient is then a mean over different "
            "situations, old and new, and no longer follows the last few seconds alone."
        ),
        {
            "length": mark("Length of an episode"),
            "size": mark("Size of the replay memory"),
            "drawn": mark("drawn at random"),
            "newest": mark("the newest"),
            "border": mark("an episode begins"),
            "x": mark("Steps ago"),
            "figure": mark("How old the transitions of two batches are: the newest ones, and some drawn at random"),
        },
    ),
    "target-network": Idea(
        mark(
            "A network that raises the value of one state raises its neighbours' too. Say the next state's value rises "
            "by {share} for each 1 that this one rises. The target is r + γ times that value, with r = 1 and γ = 0.99: "
            "each update moves its own target. After 1,000 updates the value is {direct} without a target network. "
            "With a copy it is {value}, where the number of updates from one copy to the next is {every}. {outcome}"
        ),
        {
            "share": mark("What the next state's value rises by"),
            "every": mark("Updates between two copies"),
            "grows": mark(
                "Errors feed on themselves, and the value runs away. With a copy, it does so once a copy instead of at "
                "each update: there is time for other data to correct it."
            ),
            "settles": mark("Both come to rest at the same value; with the copy it takes longer."),
            "true": mark("where both come to rest"),
            "direct": mark("without a target network"),
            "copy": mark("with one"),
            "x": mark("Updates"),
            "figure": mark("The value over the updates, with and without a target network"),
        },
    ),
    "n-step-return": Idea(
        mark(
            "A goal lies {states} steps away and has been reached once. With n = {n}, an update learns from the "
            "rewards of the next n steps and then from the value of the state after them. Each round updates every "
            "state on the way. After round {sweeps}, the reward is known up to a distance of {reach} from the goal. "
            "The start hears of it in round {needed}. {outcome}"
        ),
        {
            "n": mark("Steps n of a return"),
            "value": mark("what the goal adds to a state's value"),
            "sweeps": mark("Rounds of updates"),
            "some": mark("States further back still have no idea of it."),
            "all": mark("Now every state has a value to choose by."),
            "x": mark("States on the way to the goal"),
            "figure": mark("The value of each state on the way to the goal"),
        },
    ),
    "double-dqn": Idea(
        mark(
            "There are {actions} actions, and all of them are worth exactly 0. The network's estimates are off by "
            "about {noise}, up or down. DQN's target takes the largest of them, and that is {bias} on average: too "
            "much, though no single estimate is biased. Double DQN asks a second network for the value of the action "
            "that the first one picked. As far as the errors of the two are independent, that is 0 on average."
        ),
        {
            "actions": mark("Actions"),
            "noise": mark("Error of an estimate"),
            "one": mark("one estimate"),
            "largest": mark("the largest of all"),
            "x": mark("Estimated value"),
            "figure": mark("How one estimate is distributed, and the largest of several"),
        },
    ),
    "time-limit": Idea(
        mark(
            "A pole that never falls is worth 1 / (1 - γ): {infinite} with γ = {gamma}. Now cut every episode off at "
            "step {limit}, and treat the cut like a fall. The first step is worth {first} then, the last one 1. But "
            "the state does not tell the time: the pole stands at step {limit} as it stood at the first. The network "
            "can only learn one value for all of them, about {mean}."
        ),
        {
            "gamma": mark("Discount factor γ"),
            "limit": mark("Time limit"),
            "kept": mark("truncation keeps the value"),
            "cut": mark("truncation counts as termination"),
            "mean": mark("mean of that over the episode"),
            "x": mark("Step of the episode"),
            "figure": mark("Value of a standing pole by the step of the episode, with and without the mistake"),
        },
    ),
    "evaluation": Idea(
        mark(
            "An episode lasts {steps} steps, and with ε = {epsilon} about {random} of its actions are random. The "
            "probability that none is, so that the score tells of the learned policy alone, is {none}. For everything "
            "else the score also tells how well the policy recovers from being disturbed."
        ),
        {
            "steps": mark("Steps of an episode"),
            "epsilon": mark("Epsilon ε"),
            "none": mark("no random action so far"),
            "x": mark("Step of the episode"),
            "figure": mark("Probability that no action was random so far, by the step of the episode"),
        },
    ),
    "best-of-many": Idea(
        mark(
            "An agent has stopped learning: its mean return is {mean}, and single episodes differ from it by about "
            "{spread}. Of its evaluations (number: {count}, episodes of each: {episodes}) the best one is reported: "
            "{best} on average. That is {excess} too much, and the more often one looks, the more it is."
        ),
        {
            "count": mark("Evaluations"),
            "episodes": mark("Episodes of an evaluation"),
            "true": mark("mean return"),
            "best": mark("best evaluation"),
            "x": mark("Evaluations"),
            "figure": mark("The best evaluation by the number of evaluations"),
        },
    ),
    "reward-density": Idea(
        mark(
            "A goal lies {distance} steps away in a corridor, and only reaching it is rewarded. Until then nothing "
            "tells left from right, and the agent walks at random. It needs {walk} steps on average to find the goal "
            "once; within {budget} steps it has found it with probability {found}. A reward for every step towards "
            "the goal tells the right direction after the very first step."
        ),
        {
            "distance": mark("Distance of the goal"),
            "budget": mark("Env steps"),
            "found": mark("goal found"),
            "x": mark("Env steps"),
            "figure": mark("Probability that a random walk has found the goal, over env steps"),
        },
    ),
}
"""By the lesson's name."""
