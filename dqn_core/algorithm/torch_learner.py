"""The reference learner: DQN with torch's autograd, written like the paper (Mnih et al. 2015, algorithm 1)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from dqn_core.algorithm.learner import STATE_GROUPS, BatchTerms, UpdateStatistics, split_state
from dqn_core.algorithm.networks import check_weights, parameter_count, sizes_of
from dqn_core.algorithm.replay import ReplayBuffer
from dqn_core.algorithm.targets import td_targets
from dqn_core.config import TrainingConfig

__all__ = ["QNetwork", "TorchLearner"]

_ALL_THREADS = torch.get_num_threads()
_MANY_PARAMETERS = 150_000
"""Above this a CPU's further cores pay; below they cost: 0.8 ms for 64x64, but 11 ms with two threads on a busy CPU."""


class QNetwork(nn.Module):
    """Observations [B, D] -> Q-values [B, A]; ReLU between the layers."""

    def __init__(self, sizes: Sequence[int], device: torch.device) -> None:
        super().__init__()
        # skip_init: torch would draw first weights from its global generator; the run's own come from outside.
        make = nn.utils.skip_init
        self.layers = nn.ModuleList(make(nn.Linear, i, o, device=device) for i, o in itertools.pairwise(sizes))  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> Tensor:
        """Q-values of a batch."""
        *hidden, last = self.layers
        for layer in hidden:
            x = functional.relu(layer(x))
        q: Tensor = last(x)
        return q


class TorchLearner:
    """A :class:`~dqn_core.algorithm.learner.Learner` by autograd, on any torch device."""

    def __init__(
        self,
        config: TrainingConfig,
        weights: Mapping[str, NDArray[np.float32]],
        device: str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.compute = f"torch-{self.device.type}"
        self.sizes = sizes_of(weights)
        if self.device.type == "cpu":
            torch.set_num_threads(_ALL_THREADS if parameter_count(self.sizes) > _MANY_PARAMETERS else 1)
        self.online = QNetwork(self.sizes, self.device)
        self.target = QNetwork(self.sizes, self.device).requires_grad_(requires_grad=False)
        # What may change live stands in tensors: a captured graph reads them anew each time.
        self._gamma, self._tau, self._learning_rate = (torch.zeros((), device=self.device) for _ in range(3))
        self._seen = np.zeros(self.sizes[0], np.float32)
        self._updates = 0
        self._loss_sum = torch.zeros((), device=self.device, dtype=torch.float64)
        self._q_sum = torch.zeros((), device=self.device, dtype=torch.float64)
        self.optimizer = self._make_optimizer()
        self.configure(config)
        self.load_weights(weights)

    def _make_optimizer(self) -> torch.optim.Adam:
        on_device = self.device.type == "cuda"  # the step count too, for a graph to count on
        optimizer = torch.optim.Adam(self.online.parameters(), self._learning_rate, fused=True, capturable=on_device)
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
    def q_values(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Q-values [B, A] of ``observations`` [B, D]."""
        x = torch.from_numpy(np.array(observations, np.float32, order="C")).to(self.device)
        return np.asarray(self.online(x).cpu().numpy())

    # ---------------------------------------------------------------------------------------------- learning

    def update(self, replay: ReplayBuffer, indices: NDArray[np.int64]) -> None:
        """One gradient step on the rows ``indices`` [B], with the soft target update where configured."""
        self.gradient_step(torch.from_numpy(replay.rows[indices]).to(self.device))
        self._updates += 1

    def gradient_step(self, rows: Tensor) -> None:
        """Learn from replayed ``rows`` [B, 2 D + 3]: everything of an update that happens on the device."""
        loss, q = self.loss(rows)
        self.optimizer.zero_grad()
        loss.backward()
        if self._clip_value > 0:
            nn.utils.clip_grad_value_(self.online.parameters(), self._clip_value)
        self.optimizer.step()
        if self._is_soft:
            self._mix_target()
        self._loss_sum += loss.detach()
        self._q_sum += q.detach().mean()

    def loss(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss and Q(s, a) [B] of replayed ``rows`` [B, 2 D + 3]."""
        q = self._taken(self._predicted(rows), rows)
        _, _, targets = self._targets(rows)
        return self._losses(q, targets).mean(), q

    def _predicted(self, rows: Tensor) -> Tensor:
        """Q(s, .) [B, A] of the online network."""
        q_values: Tensor = self.online(rows[:, : self.sizes[0]])
        return q_values

    @staticmethod
    def _taken(q_values: Tensor, rows: Tensor) -> Tensor:
        """Q(s, a) [B] of the actions taken."""
        return q_values.gather(1, rows[:, -3:-2].long())[:, 0]

    @torch.no_grad()
    def _targets(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Q_target(s', .) [B, A], what s' is worth [B], and the TD targets [B]."""
        size = self.sizes[0]
        next_q = self.target(rows[:, size : 2 * size])
        next_values = next_q.amax(dim=1)
        return next_q, next_values, td_targets(rows[:, -2], rows[:, -1], next_values, self._gamma)

    def _losses(self, q: Tensor, targets: Tensor) -> Tensor:
        """Each row's loss [B]."""
        loss = functional.smooth_l1_loss if self._is_huber else functional.mse_loss
        return loss(q, targets, reduction="none")

    @torch.no_grad()
    def terms(self, replay: ReplayBuffer, indices: NDArray[np.int64]) -> BatchTerms:
        """What an update of the rows ``indices`` [B] starts from."""
        rows = torch.from_numpy(replay.rows[indices]).to(self.device)
        q_values = self._predicted(rows)
        next_q_values, next_values, targets = self._targets(rows)
        q = self._taken(q_values, rows)
        tensors = {
            "q_values": q_values,
            "next_q_values": next_q_values,
            "next_values": next_values,
            "targets": targets,
            "td_errors": q - targets,
            "losses": self._losses(q, targets),
        }
        return BatchTerms(**_copies(tensors))

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
        """Take over gamma, learning rate, Adam's epsilon, loss, clip value and target rule from ``config``."""
        self._gamma.fill_(config.gamma)
        self._tau.fill_(config.target_tau)
        self._learning_rate.fill_(config.learning_rate)
        self._clip_value = config.gradient_clip_value
        self._is_huber = config.loss == "huber"
        self._is_soft = config.target_update == "soft"
        for group in self.optimizer.param_groups:
            group["eps"] = config.adam_epsilon

    # ------------------------------------------------------------------------------------------------- state

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Copy of the online network's weights."""
        return _copies(self.online.state_dict())

    def load_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Set online and target network; raises RunFolderError naming the array that does not fit."""
        check_weights(weights, self.sizes)
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
        return {**state, "adam.step": np.array(int(step), np.int64), "statistics": statistics}

    def load_state_dict(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on bit for bit from :meth:`state_dict`; raises RunFolderError for one that does not fit."""
        arrays, step, (updates, loss_sum, q_sum) = split_state(state, self.sizes)
        for group, tensors in self._groups().items():
            _fill(tensors, arrays[group])
        for moments in self.optimizer.state.values():
            moments["step"].fill_(step)
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


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}


@torch.no_grad()
def _fill(tensors: Mapping[str, Tensor], arrays: Mapping[str, NDArray[np.float32]]) -> None:
    for name, tensor in tensors.items():
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(arrays[name], np.float32)))
