"""The reference learner: DQN with torch's autograd, written like the paper (Mnih et al. 2015, algorithm 1).

It covers every variant that the config offers; the formulas stand in :mod:`dqn_core.algorithm.targets`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from dqn_core.algorithm.frame_replay import FrameReplay
from dqn_core.algorithm.learner import ALL_STEPS, STATE_GROUPS, BatchTerms, UpdateStatistics, split_state
from dqn_core.algorithm.networks import Network, as_network, check_weights, parameter_count, sizes_of
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.algorithm.targets import (
    discounts,
    double_next_q,
    quantile_huber_loss,
    quantile_levels,
    td_targets,
)
from dqn_core.algorithm.torch_network import Noise, QNetwork
from dqn_core.config import TrainingConfig

__all__ = ["Batch", "TorchLearner"]

_ALL_THREADS = torch.get_num_threads()
_MANY_PARAMETERS = 150_000
"""Above this a CPU's further cores pay; below they cost: 0.8 ms for 64x64, but 11 ms with two threads on a busy CPU."""


class TorchLearner:
    """A :class:`~dqn_core.algorithm.learner.Learner` by autograd, on any torch device."""

    def __init__(
        self,
        config: TrainingConfig,
        weights: Mapping[str, NDArray[np.float32]],
        device: str = "cpu",
        *,
        noise: np.random.Generator | None = None,
        network: Network | None = None,
    ) -> None:
        """``noise`` is what noisy networks draw from; None: a generator of its own.

        ``network`` is what the weights are of; None: the dense one that they fit.
        """
        self.device = torch.device(device)
        self.compute = f"torch-{self.device.type}"
        self.network = network or as_network(sizes_of(weights))
        self.sizes = self.network.sizes
        """Of the dense layers."""
        if self.device.type == "cpu":
            torch.set_num_threads(_ALL_THREADS if parameter_count(self.network) > _MANY_PARAMETERS else 1)
        self.online = QNetwork(self.network, config, self.device)
        self.target = QNetwork(self.network, config, self.device).requires_grad_(requires_grad=False)
        self._is_noisy, self._is_mixed = config.noisy_nets, config.mixed_precision
        noise = noise or np.random.default_rng()
        self._noise, self._target_noise = (Noise(noise, self.sizes, self.device) for _ in range(2))
        self._levels = torch.from_numpy(quantile_levels(self.online.n_quantiles or 1)).to(self.device)
        # What may change live stands in tensors: a captured graph reads them anew each time.
        self._gamma, self._tau, self._learning_rate = (torch.zeros((), device=self.device) for _ in range(3))
        self._seen = np.zeros(self.network.observation_size, np.float32)
        self._updates = 0
        self._loss_sum = torch.zeros((), device=self.device, dtype=torch.float64)
        self._q_sum = torch.zeros((), device=self.device, dtype=torch.float64)
        self.optimizer = self._make_optimizer()
        self.configure(config)
        self.load_weights(weights)

    def _make_optimizer(self) -> torch.optim.Adam:
        on_device = self.device.type == "cuda"  # the step count too, for a graph to count on
        optimizer = torch.optim.Adam(self.online.parameters(), self._learning_rate, fused=True, capturable=on_device)
        optimizer._warned_capturable_if_run_uncaptured = on_device  # noqa: SLF001  warm-ups are not captured, and need not be
        for parameter in self.online.parameters():  # else torch makes the moments only at the first step
            optimizer.state[parameter] = {
                "step": torch.zeros((), device=self.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        return optimizer

    # ------------------------------------------------------------------------------------------------ acting

    @torch.inference_mode()
    def act(self, observation: NDArray[np.float32]) -> int:
        """Greedy action for ``observation`` [D]; the lowest of equals."""
        self._seen[:] = observation  # a copy: torch warns of arrays that it must not write to
        return int(self.online(torch.from_numpy(self._seen).to(self.device)).argmax())

    @torch.inference_mode()
    def explore(self, observation: NDArray[np.float32]) -> int:
        """Action for ``observation`` [D] in training: that of a noisy network with fresh noise, else the greedy one."""
        if not self._is_noisy:
            return self.act(observation)
        self._noise.draw()
        self._seen[:] = observation
        return int(self.online(torch.from_numpy(self._seen).to(self.device), self._noise.values).argmax())

    @torch.inference_mode()
    def explore_each(self, observations: NDArray[np.float32]) -> NDArray[np.int64]:
        """Actions [N] for ``observations`` [N, D] in training; of a noisy network, with one draw of noise."""
        if self._is_noisy:
            self._noise.draw()
        x = torch.from_numpy(np.array(observations, np.float32, order="C")).to(self.device)
        actions = self.online(x, self._noise.values if self._is_noisy else None).argmax(1)
        return np.asarray(actions.cpu().numpy())

    @torch.inference_mode()
    def q_values(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Q-values [B, A] of ``observations`` [B, D]."""
        x = torch.from_numpy(np.array(observations, np.float32, order="C")).to(self.device)
        return np.asarray(self.online(x).cpu().numpy())

    # ---------------------------------------------------------------------------------------------- learning

    def update(
        self,
        replay: ReplayBuffer,
        indices: NDArray[np.int64],
        weights: NDArray[np.float32] | None = None,
        most_steps: int = ALL_STEPS,
    ) -> None:
        """A gradient step on each minibatch of the rows ``indices`` [B], then the soft target update.

        ``weights`` [B] multiply the rows' losses; None: all count 1. No more than ``most_steps`` steps are taken.
        """
        self._draw_noise()
        batch = self._gathered(replay, indices)
        self.learn(batch, None if weights is None else torch.from_numpy(weights).to(self.device), most_steps)
        self._updates += 1

    def td_errors(self) -> NDArray[np.float32]:
        """``target - Q(s, a)`` [B] of the rows of the last update, each before its own gradient step."""
        return np.asarray(-self._td_errors.cpu().numpy())

    def _draw_noise(self) -> None:
        if self._is_noisy:
            self._noise.draw()
            self._target_noise.draw()

    def _gathered(self, replay: ReplayBuffer, indices: NDArray[np.int64]) -> Batch:
        """The transitions ``indices`` [B] on the device; of pictures, as bytes."""
        rows = torch.from_numpy(replay.rows[indices]).to(self.device)
        if not isinstance(replay, FrameReplay):
            return Batch.of(rows, self.network.observation_size)
        seen, next_seen = (torch.from_numpy(replay.pictures(indices, column)).to(self.device) for column in (0, 1))
        return Batch.beside(seen, next_seen, rows)

    def learn(self, batch: Batch, weights: Tensor | None = None, most_steps: int = ALL_STEPS) -> None:
        """Learn from a replayed ``batch`` of B rows: everything of an update that happens on the device."""
        count = len(batch.rewards)
        with self._precision():
            targets = self._targets(batch, is_noisy=self._is_noisy)
        errors = []
        for first in range(0, count, self._minibatch_size or count)[:most_steps]:
            part = slice(first, first + (self._minibatch_size or count))
            share = (min(part.stop, count) - first) / count
            errors.append(self._gradient_step(batch.part(part), targets.part(part), weights, part, share))
        self._td_errors = torch.cat(errors)
        if self._is_soft:
            self._mix_target()

    def _precision(self) -> contextlib.AbstractContextManager[None]:
        """Where the networks of an update compute in the config's precision.

        Nothing is cached: a pass casts each weight once, and a graph must not read what was cast before it.
        """
        if not self._is_mixed:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False)

    def _gradient_step(
        self, batch: Batch, targets: _Targets, weights: Tensor | None, part: slice, share: float
    ) -> Tensor:
        """One step of the optimiser on the ``part`` of the batch, a ``share`` of it; its TD errors [M]."""
        with self._precision():
            losses, q, _ = self._losses(batch, targets, is_noisy=self._is_noisy)
        loss = (losses if weights is None else weights[part] * losses).mean()
        self.optimizer.zero_grad()
        loss.backward()
        if self._clip_value > 0:
            nn.utils.clip_grad_value_(self.online.parameters(), self._clip_value)
        if self._is_hat:
            self._correct_epsilon()
        self.optimizer.step()
        self._loss_sum += share * loss.detach()
        self._q_sum += share * q.detach().mean()
        return q.detach() - targets.means

    def _correct_epsilon(self) -> None:
        """Have torch's Adam, which adds epsilon after the bias correction, take the step that Keras' would.

        Keras' sqrt(v) + epsilon is sqrt(v / c) + epsilon / sqrt(c) times sqrt(c), with the correction c = 1 - beta_2^t.
        """
        (group,) = self.optimizer.param_groups
        step = float(next(iter(self.optimizer.state.values()))["step"]) + 1.0
        group["eps"] = self._adam_epsilon / math.sqrt(1.0 - group["betas"][1] ** step)

    @torch.no_grad()
    def _targets(self, batch: Batch, *, is_noisy: bool) -> _Targets:
        """What the batch is pulled towards, fixed before its first gradient step."""
        noise, target_noise = (each.values if is_noisy else None for each in (self._noise, self._target_noise))
        if self.online.n_quantiles:
            return self._quantile_targets(batch, noise, target_noise)
        next_q = self.target(batch.next_observations, target_noise)  # [B, A]
        if self._is_double:
            next_values = double_next_q(self.online(batch.next_observations, noise), next_q)
        else:
            next_values = next_q.amax(dim=1)
        targets = td_targets(batch.rewards, batch.terminated, next_values, discounts(self._gamma, batch.steps))
        labels = self.online(batch.observations, noise) if self._has_all_outputs else None  # [B, A]
        return _Targets(next_q, next_values, targets, targets, labels)

    def _quantile_targets(self, batch: Batch, noise: Tensor | None, target_noise: Tensor | None) -> _Targets:
        """The same where quantiles are learned (Dabney et al. 2018, algorithm 1): a target for each of them."""
        next_quantiles = self.target.quantiles(batch.next_observations, target_noise)  # [B, N, A]
        next_q = next_quantiles.mean(1)  # [B, A]
        choosing = self.online(batch.next_observations, noise) if self._is_double else next_q
        best_quantiles = _of_action(next_quantiles, choosing.argmax(1))  # [B, N]
        discount = discounts(self._gamma, batch.steps)
        samples = td_targets(batch.rewards[:, None], batch.terminated[:, None], best_quantiles, discount[:, None])
        return _Targets(next_q, best_quantiles.mean(1), samples.mean(1), samples, None)

    def _losses(self, batch: Batch, targets: _Targets, *, is_noisy: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Each row's loss [B], Q(s, a) [B] and Q(s, .) [B, A]; they lead back to the online network's weights."""
        noise = self._noise.values if is_noisy else None
        if self.online.n_quantiles:
            all_quantiles = self.online.quantiles(batch.observations, noise)  # [B, N, A]
            quantiles = _of_action(all_quantiles, batch.actions)  # [B, N]
            losses = quantile_huber_loss(quantiles, targets.samples, self._levels)
            return losses, quantiles.mean(1), all_quantiles.mean(1)
        loss = functional.smooth_l1_loss if self._is_huber else functional.mse_loss
        q_values = self.online(batch.observations, noise)  # [B, A]
        q = q_values.gather(1, batch.actions[:, None])[:, 0]  # [B]
        if targets.labels is None:
            return loss(q, targets.means, reduction="none"), q, q_values
        labels = targets.labels.scatter(1, batch.actions[:, None], targets.means[:, None])  # [B, A]
        return loss(q_values, labels, reduction="none").mean(1), q, q_values

    @torch.no_grad()
    def terms(self, replay: ReplayBuffer, indices: NDArray[np.int64]) -> BatchTerms:
        """What an update of the rows ``indices`` [B] starts from; a noisy network's without its noise."""
        batch = self._gathered(replay, indices)
        with self._precision():
            targets = self._targets(batch, is_noisy=False)
            losses, q, q_values = self._losses(batch, targets, is_noisy=False)
        return BatchTerms(
            **_copies(
                {
                    "q_values": q_values,
                    "next_q_values": targets.next_q_values,
                    "next_values": targets.next_values,
                    "targets": targets.means,
                    "td_errors": targets.means - q,
                    "losses": losses,
                }
            )
        )

    def gradients(self) -> dict[str, NDArray[np.float32]]:
        """Copy of the last update's gradient, clipped where configured."""
        named = dict(self.online.named_parameters())
        return _copies({name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in named.items()})

    @torch.no_grad()
    def _mix_target(self) -> None:
        for target, online in zip(self.target.parameters(), self.online.parameters(), strict=True):
            target.lerp_(online, self._tau)

    def take_statistics(self) -> UpdateStatistics:
        """Statistics since last taken; waits for the device."""
        taken = UpdateStatistics.from_sums(self._updates, float(self._loss_sum), float(self._q_sum))
        self._updates = 0
        self._loss_sum.zero_()
        self._q_sum.zero_()
        return taken

    @torch.no_grad()
    def sync_target(self) -> None:
        """Copy the online network to the target network."""
        for target, online in zip(self.target.parameters(), self.online.parameters(), strict=True):
            target.copy_(online)

    def configure(self, config: TrainingConfig) -> None:
        """Take over gamma, the optimiser's settings, minibatches, loss, clip value, target rule and Double DQN."""
        self._gamma.fill_(config.gamma)
        self._tau.fill_(config.soft_share)
        self._learning_rate.fill_(config.learning_rate)
        self._clip_value = config.gradient_clip_value
        self._is_huber = config.loss == "huber"
        self._is_soft = config.soft_share > 0
        self._is_double = config.double_dqn
        self._minibatch_size = config.minibatch_size
        self._has_all_outputs = config.loss_over_all_outputs
        self._is_hat, self._adam_epsilon = config.adam_epsilon_hat, config.adam_epsilon
        for group in self.optimizer.param_groups:
            group["eps"] = config.adam_epsilon

    # ------------------------------------------------------------------------------------------------- state

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Copy of the online network's weights."""
        return _copies(self.online.state_dict())

    def load_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Set online and target network; raises RunFolderError naming the array that does not fit."""
        check_weights(weights, self.network, noisy=self._is_noisy)
        for network in (self.online, self.target):
            _fill(network.state_dict(), weights)

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Copy of all that an update depends on: weights of both networks, Adam's moments and step count."""
        groups = self._groups()
        state: dict[str, NDArray[np.generic]] = {
            f"{group}.{name}": array for group in STATE_GROUPS for name, array in _copies(groups[group]).items()
        }
        step = next(iter(self.optimizer.state.values()))["step"]
        statistics = np.array([self._updates, float(self._loss_sum), float(self._q_sum)])
        if self._is_noisy:
            state["noise"] = self._noise.state()
        return {**state, "adam.step": np.array(int(step), np.int64), "statistics": statistics}

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on bit for bit from :meth:`state_dict`; raises RunFolderError for one that does not fit."""
        arrays, step, (updates, loss_sum, q_sum) = split_state(state, self.network, noisy=self._is_noisy)
        for group, tensors in self._groups().items():
            _fill(tensors, arrays[group])
        for moments in self.optimizer.state.values():
            moments["step"].fill_(step)
        if self._is_noisy:
            self._noise.restore(state["noise"].astype(np.uint64))
        self._updates = int(updates)
        self._loss_sum.fill_(loss_sum)
        self._q_sum.fill_(q_sum)

    def _groups(self) -> dict[str, dict[str, Tensor]]:
        """The live tensors behind each group of the state, by weight name."""
        named = dict(self.online.named_parameters())
        return {
            "online": dict(self.online.state_dict()),
            "target": dict(self.target.state_dict()),
            "adam.first": {name: self.optimizer.state[each]["exp_avg"] for name, each in named.items()},
            "adam.second": {name: self.optimizer.state[each]["exp_avg_sq"] for name, each in named.items()},
        }


class Batch(NamedTuple):
    """The columns of replayed transitions."""

    observations: Tensor
    next_observations: Tensor
    steps: Tensor
    actions: Tensor
    rewards: Tensor
    terminated: Tensor

    @classmethod
    def of(cls, rows: Tensor, size: int) -> Self:
        """Of ``rows`` [B, 2 D + 4], where D is ``size``."""
        return cls.beside(rows[:, :size], rows[:, size : 2 * size], rows[:, 2 * size :])

    @classmethod
    def beside(cls, observations: Tensor, next_observations: Tensor, rows: Tensor) -> Self:
        """Of observations [B, D] and the ``rows`` [B, 4] beside them."""
        steps, actions, rewards, terminated = rows.unbind(1)
        return cls(observations, next_observations, steps, actions.long(), rewards, terminated)

    def part(self, part: slice) -> Self:
        """Some of the rows."""
        return type(self)(*(column[part] for column in self))


class _Targets(NamedTuple):
    """What a batch of B rows is pulled towards."""

    next_q_values: Tensor
    """[B, A]"""
    next_values: Tensor
    """[B]"""
    means: Tensor
    """[B]: the TD targets; where quantiles are learned, the means of ``samples``."""
    samples: Tensor
    """[B, N] where quantiles are learned, else the same as ``means``."""
    labels: Tensor | None
    """[B, A]: Q(s, .) before the update, where the loss is over all outputs."""

    def part(self, part: slice) -> Self:
        """Those of some of the rows."""
        return type(self)(
            self.next_q_values[part],
            self.next_values[part],
            self.means[part],
            self.samples[part],
            None if self.labels is None else self.labels[part],
        )


def _of_action(quantiles: Tensor, actions: Tensor) -> Tensor:
    """The quantiles [B, N] of each row's action [B] out of [B, N, A]."""
    return quantiles.gather(2, actions[:, None, None].expand(-1, quantiles.shape[1], 1))[..., 0]


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}


@torch.no_grad()
def _fill(tensors: Mapping[str, Tensor], arrays: Mapping[str, NDArray[np.float32]]) -> None:
    for name, tensor in tensors.items():
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(arrays[name], np.float32)))
