"""The guided experiments, in the order in which they are best taken."""

from __future__ import annotations

from collections.abc import Mapping

from dqn_core.config import TrainingConfig
from dqn_core.errors import mark
from dqn_core.lessons.lesson import Lesson
from dqn_core.presets import preset_config
from dqn_core.runs.experiment_spec import ExperimentSpec

__all__ = ["LESSONS"]

_SEEDS = (0, 1, 2, 3, 4)


# Settings of their own rather than presets', so that a better preset leaves the results that come along valid. There is
# no goal: all variants see equally much.
_CARTPOLE = TrainingConfig(
    env_id="CartPole-v1",
    learning_rate=1e-3,
    buffer_size=50_000,
    hidden_sizes=(64, 64),
    loss="huber",
    target_update="soft",
    epsilon_schedule="linear_steps",
    epsilon_end=0.02,
    epsilon_decay_steps=5_000,
    max_episodes=100_000,
    max_env_steps=20_000,
    evaluate_every=10,
    evaluation_episodes=5,
)
_LUNAR_LANDER = _CARTPOLE.replace(
    env_id="LunarLander-v3",
    buffer_size=100_000,
    epsilon_end=0.05,
    epsilon_decay_steps=30_000,
    update_every=2,
    max_env_steps=60_000,
)
# The lab's epsilon fades over its episodes, so their number stays the lab's.
_LAB = preset_config("CartPole-v1", "lab8").replace(goal_score=None, evaluation_episodes=5, evaluate_every=5)


def _each(base: TrainingConfig, name: str, *values: object) -> ExperimentSpec:
    return ExperimentSpec.sweep(base, name, values, _SEEDS)


LESSONS: Mapping[str, Lesson] = {
    lesson.name: lesson
    for lesson in (
        Lesson(
            name="replay-size",
            title=mark("How large a memory?"),
            question=mark("CartPole as in the course lab: which replay memory gives the better agent during training?"),
            setup=mark(
                "The course lab's settings for CartPole, 400 episodes. Only the replay memory differs: it holds the "
                "last 1,000 transitions or the last 10,000."
            ),
            labels=(mark("1,000 transitions"), mark("10,000 transitions")),
            explanation=mark(
                "A small memory holds little but the last few episodes, which look alike once the policy is good: "
                "the network forgets what a falling pole looks like and has to learn it again. A larger one keeps "
                "old and new experience side by side, and its batches are closer to independent samples. Too large a "
                "memory has a cost as well: it replays a beginner's mistakes for a long time."
            ),
            source=mark("Lin 1992; Zhang and Sutton 2017, A Deeper Look at Experience Replay"),
            spec=_each(_LAB, "buffer_size", 1_000, 10_000),
        ),
        Lesson(
            name="target-network",
            title=mark("A fixed target"),
            question=mark("Does it matter that targets come from a slowly updated copy of the network?"),
            setup=mark(
                "CartPole, 20,000 env steps. With the target network, targets come from a copy that is updated "
                "slowly. Without it, they come from the very network that is being trained."
            ),
            labels=(mark("with a target network"), mark("without a target network")),
            explanation=mark(
                "Each update changes the network, and without a copy it changes the target as well: the network "
                "chases itself, and errors can feed on themselves. A copy that lags behind turns each stretch of "
                "training into ordinary regression on targets that hardly move. How much this matters depends on the "
                "task: a small, well-behaved problem may get by without it, and then even learns faster."
            ),
            source=mark("Mnih et al. 2015, Human-level control through deep reinforcement learning"),
            spec=_each(_CARTPOLE, "mistake_no_target_network", False, True),
        ),
        Lesson(
            name="no-replay",
            title=mark("Learning without replay"),
            question=mark("What if each batch is simply the latest transitions, in order?"),
            setup=mark(
                "CartPole, 20,000 env steps, with the same number of updates and the same batch size. With replay, a "
                "batch is drawn at random from the memory; without, it is the last 128 transitions."
            ),
            labels=(mark("with replay"), mark("without replay")),
            explanation=mark(
                "Successive transitions are almost the same state again and again: their gradients all point the "
                "same way, and the resulting policy decides what is seen next. A replay memory breaks this chain. "
                "Yet how much that matters depends on the task. In CartPole the last 128 transitions are several "
                "whole episodes at first, always fresh, and a target network keeps learning stable: without a "
                "memory, nothing old has to be unlearned. In a task with long episodes and rare rewards, forgetting "
                "costs far more."
            ),
            source=mark("Lin 1992; Mnih et al. 2015"),
            spec=_each(_CARTPOLE, "mistake_no_replay", False, True),
        ),
        Lesson(
            name="learning-rate",
            title=mark("Step size"),
            question=mark("Which learning rate gives the best agent during training?"),
            setup=mark(
                "CartPole, 20,000 env steps, Adam. Only the learning rate differs, by a factor of 30 each time."
            ),
            labels=("0.00003", "0.001", "0.03"),
            explanation=mark(
                "Too small, and the network is still far from done when training ends. Too large, and each batch "
                "destroys what was learned from the one before. The useful range is narrow enough that this is the "
                "first setting to try when nothing works."
            ),
            source=mark("Kingma and Ba 2015, Adam; Goodfellow et al. 2016, Deep Learning, section 11.4"),
            spec=_each(_CARTPOLE, "learning_rate", 3e-5, 1e-3, 3e-2),
        ),
        Lesson(
            name="gamma",
            title=mark("How far to look ahead"),
            question=mark("Which discount factor gives the best agent during training?"),
            setup=mark(
                "CartPole, 20,000 env steps. Only gamma differs: the agent looks about 10, 100 or 1,000 steps ahead."
            ),
            labels=(mark("gamma 0.9"), mark("gamma 0.99"), mark("gamma 0.999")),
            explanation=mark(
                "The agent looks about 1 / (1 - γ) steps ahead. With a short horizon it learns quickly, because "
                "errors do not travel far, and in CartPole what keeps the pole up now mostly keeps it up later; only "
                "a slow drift towards the edge goes unnoticed. A long horizon makes values large, and the "
                "differences between actions small in comparison. Which of the two matters more depends on the time "
                "scale of the task."
            ),
            source=mark("Sutton and Barto 2018, Reinforcement Learning, section 3.3"),
            spec=_each(_CARTPOLE, "gamma", 0.9, 0.99, 0.999),
        ),
        Lesson(
            name="exploration",
            title=mark("Exploration and exploitation"),
            question=mark("Over how many steps should epsilon decay?"),
            setup=mark(
                "CartPole, 20,000 env steps. Epsilon falls from 1 to 0.02 over 200, 5,000 or 20,000 steps. The "
                "greedy policy is compared, without any random actions."
            ),
            labels=(mark("200 steps"), mark("5,000 steps"), mark("20,000 steps")),
            explanation=mark(
                "An agent that exploits at once sees only what its first guesses lead to. One that explores for long "
                "fills its memory with clumsy episodes and rarely sees the states that a good policy visits. "
                "CartPole forgives early exploitation, because bad guesses end an episode quickly and a new one "
                "begins; a task with a distant reward does not."
            ),
            source=mark("Sutton and Barto 2018, section 2.2"),
            spec=_each(_CARTPOLE, "epsilon_decay_steps", 200, 5_000, 20_000),
        ),
        Lesson(
            name="truncation",
            title=mark("Truncation is not termination"),
            question=mark("An episode is cut off at a time limit. Can the value of its last state be set to 0?"),
            setup=mark(
                "CartPole with a limit of 100 steps in training, 20,000 env steps. Correct: a truncated state keeps "
                "its value. The mistake: truncation counts as termination, like a fall."
            ),
            labels=(mark("it keeps its value"), mark("it counts as termination")),
            explanation=mark(
                "The pole stands as well at step 100 as at step 99; nothing in the state tells the time. If such "
                "states are worth 0, the network must average two different values of one and the same state, and "
                "all values drop. Whether the policy suffers depends on whether the order of the actions survives: "
                "often it does for a while, which is why the mistake is so easily overlooked."
            ),
            source=mark("Pardo et al. 2018, Time Limits in Reinforcement Learning"),
            spec=_each(_CARTPOLE.replace(max_episode_steps=100), "mistake_cut_at_truncation", False, True),
        ),
        Lesson(
            name="double-dqn",
            title=mark("Overestimation"),
            question=mark("Which network overestimates its return more?"),
            setup=mark(
                "LunarLander, 60,000 env steps. Compared: the value that the trained network gives to an episode's "
                "first state, minus the discounted return that it actually gets from there, over 10 episodes."
            ),
            labels=(mark("plain DQN"), mark("Double DQN")),
            explanation=mark(
                "The target takes the largest of several estimates, and the largest is likely to be an overestimate. "
                "In Double DQN one network chooses the action and another evaluates it: the same error would have to "
                "occur twice. Values that are all too large by the same amount do no harm; where some are more so, "
                "the policy follows them."
            ),
            source=mark("van Hasselt et al. 2016, Deep Reinforcement Learning with Double Q-learning"),
            spec=_each(_LUNAR_LANDER, "double_dqn", False, True),
            measure="overestimation",
        ),
        Lesson(
            name="reward",
            title=mark("A reward at every step"),
            question=mark("Which task does the same learner master sooner?"),
            setup=mark(
                "The same settings on two tasks, 60,000 env steps. LunarLander rewards each step that comes closer "
                "to the goal; MountainCar gives -1 at each step until the flag is reached. The normalized return is "
                "compared: 0 for a random policy, 1 for the score that counts as solved. The tasks differ in more "
                "than the reward, so this shows what happens, but not that the reward is the reason."
            ),
            labels=(mark("LunarLander: dense reward"), mark("MountainCar: sparse reward")),
            explanation=mark(
                "A dense reward tells at once whether an action was good. A sparse one tells nothing until the goal "
                "has been found by chance; until then, all actions look alike. That can take forever, but it need "
                "not: MountainCar has two state variables and three actions, an untrained network happens to push "
                "the car the same way for a long time, and once the flag has been reached, the way there is quickly "
                "learned. LunarLander gets more feedback and has more to learn. So the reward alone does not decide "
                "which task is mastered sooner. The course lab saw LunarLander converge sooner than expected; it "
                "compared tasks that differ in more than the reward, and so does this lesson."
            ),
            source=mark("Ng et al. 1999, Policy invariance under reward transformations"),
            spec=_each(_LUNAR_LANDER, "env_id", "LunarLander-v3", "MountainCar-v0"),
            measure="progress",
            scales=((-180.0, 200.0), (-200.0, -110.0)),
        ),
        Lesson(
            name="evaluation",
            title=mark("Evaluating with exploration"),
            question=mark("The same agents, evaluated in two ways: which evaluation gives higher scores?"),
            setup=mark(
                "CartPole, 20,000 env steps, epsilon never below 0.1. Evaluated greedily or, by mistake, with random "
                "actions mixed in as in training."
            ),
            labels=(mark("greedy evaluation"), mark("with random actions")),
            explanation=mark(
                "Evaluation should tell what was learned, so it takes the best known action in every state. With "
                "random actions mixed in, it tells how well the policy recovers from disturbances: a different "
                "question, and a number that cannot be compared with other results."
            ),
            source=mark("Machado et al. 2018, Revisiting the Arcade Learning Environment"),
            spec=_each(_CARTPOLE.replace(epsilon_end=0.1), "mistake_explore_in_evaluation", False, True),
        ),
    )
}
"""By name."""
