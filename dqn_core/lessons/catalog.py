"""The guided experiments, in the order in which they are best taken."""

from __future__ import annotations

from collections.abc import Mapping

from dqn_core.config import TrainingConfig
from dqn_core.errors import mark
from dqn_core.lessons.lesson import Lesson
from dqn_core.runs.experiments.spec import ExperimentSpec

__all__ = ["FORMER_NAMES", "LESSONS"]

_SEEDS = tuple(range(10))

# Settings of their own rather than presets', so that a better preset leaves the results that come along valid. There is
# no goal, and the number of env steps ends a run: both sides of a comparison see equally much and learn equally often.
# All were chosen on other seeds, from 100 on, so that what is to be seen is seen within minutes.
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
    max_env_steps=10_000,
    evaluate_every=10,
    evaluation_episodes=5,
)
_CARTPOLE_3_STEPS = _CARTPOLE.replace(n_step=3)
_FROZEN_LAKE = _CARTPOLE.replace(
    env_id="FrozenLake-v1",
    env_kwargs={"is_slippery": False},
    gamma=0.95,
    warmup_steps=0,
    epsilon_end=0.05,
    evaluate_every=20,
    evaluation_episodes=1,
)
_MOUNTAIN_CAR = TrainingConfig(
    env_id="MountainCar-v0",
    gamma=0.98,
    learning_rate=4e-3,
    buffer_size=10_000,
    warmup_steps=200,
    hidden_sizes=(64, 64),
    loss="huber",
    n_step=5,
    target_update="steps",
    target_update_every=600,
    epsilon_schedule="linear_steps",
    epsilon_end=0.07,
    epsilon_decay_steps=5_000,
    update_every=16,
    gradient_steps=8,
    max_episodes=100_000,
    max_env_steps=30_000,
    evaluate_every=10,
    evaluation_episodes=5,
)
_SHAPED = "reward + 300*(0.98*abs(car_velocity) - abs(previous[1]))"
_ACROBOT = TrainingConfig(
    env_id="Acrobot-v1",
    learning_rate=1e-3,
    buffer_size=50_000,
    hidden_sizes=(64, 64),
    loss="huber",
    double_dqn=True,
    n_step=3,
    target_update="steps",
    target_update_every=250,
    epsilon_schedule="linear_steps",
    epsilon_end=0.05,
    epsilon_decay_steps=5_000,
    update_every=4,
    gradient_steps=4,
    max_episodes=100_000,
    max_env_steps=15_000,
    evaluate_every=5,
    evaluation_episodes=5,
)
_LUNAR_LANDER = _CARTPOLE.replace(
    env_id="LunarLander-v3",
    buffer_size=100_000,
    epsilon_end=0.05,
    max_env_steps=20_000,
    evaluate_every=50,
    evaluation_episodes=1,
)


def _each(base: TrainingConfig, name: str, *values: object) -> ExperimentSpec:
    return ExperimentSpec.sweep(base, name, values, _SEEDS)


LESSONS: Mapping[str, Lesson] = {
    lesson.name: lesson
    for lesson in (
        Lesson(
            name="reward-and-return",
            title=mark("Reward and return"),
            level="beginner",
            minutes=5,
            question=mark("One agent maximizes the next reward, one the return. Which balances the pole for longer?"),
            setup=mark(
                "CartPole. With γ = 0, an action's value is the next reward alone; with γ = 0.99, it is the discounted "
                "sum of all that follow."
            ),
            labels=(mark("the next reward (γ = 0)"), mark("the return (γ = 0.99)")),
            explanation=mark(
                "CartPole gives 1 at every step, up to the one at which the pole falls. To the agent with γ = 0, every "
                "action in every state is worth 1: there is nothing to learn, and it acts by chance. The other one "
                "learns that a leaning pole has fewer rewards ahead of it than an upright one. A reward says what "
                "happened in one step; what is to be maximized is the return."
            ),
            source=mark("Sutton and Barto 2018, Reinforcement Learning, sections 3.2 and 3.3"),
            spec=_each(_CARTPOLE_3_STEPS, "gamma", 0.0, 0.99),
        ),
        Lesson(
            name="epsilon-greedy",
            title=mark("Exploration: ε-greedy actions"),
            level="beginner",
            minutes=8,
            question=mark("Which agent reaches the goal most often while it learns?"),
            setup=mark(
                "FrozenLake without slipping: six steps over the ice to the goal, past four holes. Only the goal gives "
                "a reward, of 1. The probability ε of a random action is 0 from the beginning; or it falls from 1 to "
                "0.05 over 5,000 steps; or over 50,000 steps, so that most actions are random until the end. Compared "
                "is the mean return of the training episodes."
            ),
            labels=(mark("no exploration"), mark("ε falls over 5,000 steps"), mark("ε falls over 50,000 steps")),
            explanation=mark(
                "Without random actions, the agent does what its first guesses say: it walks against a wall, or into "
                "the same hole, and unless it happens to meet the reward there is nothing to learn from. With many "
                "random actions it soon knows the way and seldom takes it, for one wrong step ends in a hole. Explore "
                "first, then exploit more and more: that is what a falling ε does. How long is long enough depends on "
                "how hard the reward is to find."
            ),
            source=mark("Sutton and Barto 2018, sections 2.2 and 2.3"),
            spec=ExperimentSpec(
                base=_FROZEN_LAKE,
                variants=(
                    {"epsilon_start": 0.0, "epsilon_end": 0.0},
                    {"epsilon_decay_steps": 5_000},
                    {"epsilon_decay_steps": 50_000},
                ),
                seeds=_SEEDS,
            ),
            measure="mean_return",
            shown="episode_return",
        ),
        Lesson(
            name="discount-factor",
            title=mark("Discount factor γ"),
            level="beginner",
            minutes=6,
            question=mark("Which discount factor gets the car up the hill?"),
            setup=mark(
                "MountainCar gives -1 at every step until the car reaches the flag, which takes about 100 steps at the "
                "best. Only γ differs: the agent looks about 5, 10 or 50 steps ahead."
            ),
            labels=("γ = 0.8", "γ = 0.9", "γ = 0.98"),
            explanation=mark(
                "At the bottom of the valley, the flag is 100 steps away. With γ = 0.8, what lies more than 20 steps "
                "ahead counts less than a hundredth: every state looks the same, each action costs 1, and nothing "
                "draws the car anywhere. With γ = 0.98, the end of the costs still counts. A long horizon has its "
                "price, though: values become large, and the differences between actions small in comparison. In a "
                "task whose consequences come at once, such as CartPole, a smaller γ may learn faster."
            ),
            source=mark("Sutton and Barto 2018, section 3.3"),
            spec=_each(_MOUNTAIN_CAR, "gamma", 0.8, 0.9, 0.98),
        ),
        Lesson(
            name="learning-rate",
            title=mark("Learning rate"),
            level="beginner",
            minutes=5,
            question=mark("Which learning rate gives the best agent during training?"),
            setup=mark("CartPole, with the optimizer Adam. Only the learning rate differs, by a large factor."),
            labels=("0.00003", "0.001", "0.3"),
            explanation=mark(
                "Too small, and the network is still far from done when training ends. Too large, and each batch "
                "destroys what was learned from the one before. The useful range is narrow enough that this is the "
                "first setting to try when nothing works."
            ),
            source=mark("Kingma and Ba 2015, Adam; Goodfellow et al. 2016, Deep Learning, section 11.4"),
            spec=_each(_CARTPOLE_3_STEPS, "learning_rate", 3e-5, 1e-3, 0.3),
        ),
        Lesson(
            name="experience-replay",
            title=mark("Experience replay"),
            level="intermediate",
            minutes=7,
            question=mark("Does it help to learn from a random sample of old transitions?"),
            setup=mark(
                "Acrobot, with batches of 128 transitions. With replay, they are drawn at random from the memory; "
                "without, they are the last 128, in their order."
            ),
            labels=(mark("with replay"), mark("without replay")),
            explanation=mark(
                "Successive transitions are almost the same situation again and again. Their gradients point the same "
                "way, and the network forgets what it knew of all other situations; the policy that results decides "
                "what is seen next. A replay memory breaks this circle: a batch is close to an independent sample of "
                "all that was seen. And each transition is used many times, which matters where experience is "
                "expensive."
            ),
            source="Lin 1992; Mnih et al. 2015; Zhang and Sutton 2017, A Deeper Look at Experience Replay",
            spec=_each(_ACROBOT, "mistake_no_replay", False, True),
        ),
        Lesson(
            name="target-network",
            title=mark("Target network"),
            level="intermediate",
            minutes=6,
            question=mark("Does it matter that targets come from a slowly updated copy of the network?"),
            setup=mark(
                "CartPole. With the target network, targets come from a copy that is updated slowly. Without it, they "
                "come from the very network that is being trained."
            ),
            labels=(mark("with a target network"), mark("without a target network")),
            explanation=mark(
                "Each update changes the network, and without a copy it changes the target as well: the value of a "
                "state rises, with it that of its neighbours, and so the target that it was to approach. Errors feed "
                "on themselves, until one action looks best in every state and the pole falls at once. A copy that "
                "lags behind makes each stretch of training ordinary regression, on targets that hardly move."
            ),
            source=mark("Mnih et al. 2015, Human-level control through deep reinforcement learning"),
            spec=_each(_CARTPOLE_3_STEPS, "mistake_no_target_network", False, True),
        ),
        Lesson(
            name="n-step-return",
            title=mark("n-step returns"),
            level="intermediate",
            minutes=6,
            question=mark("Which target teaches the car sooner?"),
            setup=mark(
                "MountainCar. The target is one reward and then the value of the next state; or five rewards, and then "
                "the value of the state after them."
            ),
            labels=(mark("1 step"), mark("5 steps")),
            explanation=mark(
                "With one step, what the flag is worth travels back one state at each update, and each of these states "
                "has to be drawn from the memory, and the target network to be copied, before it goes on. With five "
                "steps it travels five times as far. The price: the sum holds four actions that the agent chose when "
                "it was worse, or at random, and it varies more. So n is kept small, often 3 to 5."
            ),
            source=mark("Sutton and Barto 2018, section 7.1; Hessel et al. 2018, Rainbow"),
            spec=_each(_MOUNTAIN_CAR, "n_step", 1, 5),
        ),
        Lesson(
            name="double-dqn",
            title=mark("Double DQN and overestimation"),
            level="advanced",
            minutes=8,
            question=mark("Which network overestimates its return more?"),
            setup=mark(
                "LunarLander, with the mean squared error as loss. Compared is the value that the trained network "
                "gives to a state, minus the discounted return that then follows, over the states of 10 episodes."
            ),
            labels=(mark("plain DQN"), mark("Double DQN")),
            explanation=mark(
                "Both overestimate, and about equally. That the largest of several noisy estimates is too large is "
                "true, as you saw above. But most of the excess has another cause here: after so few flights, the "
                "values of what has not been tried are guesses, and the targets build on them. Double DQN removes the "
                "part that comes from taking the maximum. With four actions, and with two networks that are copies of "
                "each other, that part is small. In Atari games, with up to 18 actions and millions of steps, it was "
                "large."
            ),
            source=mark("van Hasselt et al. 2016, Deep Reinforcement Learning with Double Q-learning"),
            spec=_each(
                _LUNAR_LANDER.replace(loss="mse", target_tau=0.02, evaluate_every=10),
                "double_dqn",
                False,
                True,
            ),
            measure="overestimation",
            is_surprise=True,
        ),
        Lesson(
            name="time-limit",
            title=mark("Truncation and termination"),
            level="intermediate",
            minutes=7,
            question=mark(
                "Episodes are cut off at a time limit. Which network gives their first state the higher value?"
            ),
            setup=mark(
                "CartPole with a limit of 100 steps in training. Correct: the target of a truncated episode's last "
                "step still holds the value of the state after it. The mistake: truncation counts as termination, "
                "like a fall, and that value is 0. The line is the discounted return of a pole that stands for 500 "
                "steps."
            ),
            labels=(mark("truncation keeps the value"), mark("truncation counts as termination")),
            explanation=mark(
                "The pole stands as well at step 100 as at step 99, and nothing in the state tells the time. If the "
                "value there is 0, the network must average two different values of one and the same state, and all "
                "values drop: they no longer say what the policy can get. Look at the evaluations beside it: they do "
                "not differ. As long as the order of the actions survives, the policy does not suffer, which is why "
                "this mistake is so easily overlooked."
            ),
            source=mark("Pardo et al. 2018, Time Limits in Reinforcement Learning"),
            spec=_each(
                _CARTPOLE_3_STEPS.replace(max_episode_steps=100, loss="mse", max_env_steps=15_000),
                "mistake_cut_at_truncation",
                False,
                True,
            ),
            measure="first_value",
            reference=(99.34, mark("a pole that stands")),
        ),
        Lesson(
            name="evaluation",
            title=mark("Evaluation with exploration"),
            level="intermediate",
            minutes=5,
            question=mark("The same agents, evaluated in two ways: which evaluation gives higher scores?"),
            setup=mark(
                "CartPole, with ε never below 0.3. The agents learn alike, step by step. They are evaluated greedily "
                "or, by mistake, with random actions as in training."
            ),
            labels=(mark("greedy evaluation"), mark("with random actions")),
            explanation=mark(
                "An evaluation should tell what was learned, so it takes the best known action in every state. With "
                "random actions among them, it tells how well the policy recovers from disturbances: a different "
                "question, and a number that cannot be compared with that of others. The returns of training episodes "
                "have random actions in them too, so they are no evaluation either."
            ),
            source=mark("Machado et al. 2018, Revisiting the Arcade Learning Environment"),
            spec=_each(
                _CARTPOLE_3_STEPS.replace(epsilon_end=0.3, evaluation_episodes=10, max_env_steps=12_000),
                "mistake_explore_in_evaluation",
                False,
                True,
            ),
        ),
        Lesson(
            name="best-of-many",
            title=mark("Evaluation: the best of many"),
            level="intermediate",
            minutes=6,
            question=mark("The same agents again: which way of evaluating overstates the best of them more?"),
            setup=mark(
                "CartPole, evaluated after every second episode: over 1 episode, or over 20. The agents learn alike, "
                "step by step. The network of the best evaluation is played again in 20 new episodes; compared is by "
                "how much the best evaluation exceeds their mean."
            ),
            labels=(mark("1 episode each"), mark("20 episodes each")),
            explanation=mark(
                "A single episode may go well by luck, and whoever looks often enough sees one that does: the maximum "
                "of many noisy numbers is above what any of them measures. The agent is no better for it. Evaluate "
                "over more episodes, and play the best network again on new ones before its score is reported. The "
                "same holds for the best of many seeds, and for the best of many settings."
            ),
            source="Henderson et al. 2018, Deep Reinforcement Learning that Matters; Agarwal et al. 2021",
            spec=_each(_CARTPOLE_3_STEPS.replace(max_env_steps=6_000, evaluate_every=2), "evaluation_episodes", 1, 20),
            measure="best_excess",
        ),
        Lesson(
            name="reward-density",
            title=mark("Reward density: sparse and shaped rewards"),
            level="advanced",
            minutes=7,
            question=mark("With which reward does the car reach the flag sooner?"),
            setup=mark(
                "MountainCar. Its own reward is -1 at every step until the flag: nothing tells whether an action was "
                "good. The shaped reward adds γ Φ(s') - Φ(s), where Φ is 300 times the speed of the car. Evaluations "
                "count the task's own reward in both cases."
            ),
            labels=(mark("the sparse reward"), mark("the shaped reward")),
            explanation=mark(
                "With the sparse reward, all actions look alike until the flag has been reached by chance, and what it "
                "is worth must then travel back step by step. The shaped reward tells after a single step that gaining "
                "speed is good. Shaping of this form does not change which policy is the best one: over an episode, "
                "the added terms cancel out. A reward for speed alone would not have this property, and an agent may "
                "learn to rock back and forth for ever."
            ),
            source="Ng, Harada and Russell 1999, Policy invariance under reward transformations",
            spec=_each(_MOUNTAIN_CAR.replace(n_step=1, learning_rate=1e-3), "reward_formula", "", _SHAPED),
        ),
    )
}
"""By name."""

FORMER_NAMES: Mapping[str, str] = {
    "exploration": "epsilon-greedy",
    "gamma": "discount-factor",
    "replay-size": "experience-replay",
    "no-replay": "experience-replay",
    "truncation": "time-limit",
    "reward": "reward-density",
}
"""Names in addresses of earlier versions, and the lesson of today that they lead to."""
