"""Print what compiled code makes of many configs, as digests by name; tests run it in a process for each CPU."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
import tempfile
from pathlib import Path

import picture_environments
from dqn_core.config import TrainingConfig
from dqn_core.presets import PRESETS
from dqn_core.training.run_folder import RunFolder, RunLog
from dqn_core.training.trainer import Trainer
from picture_environments import CATCH, CATCH_STACK

picture_environments.register()

_SHORT = {
    "compute": "fused",
    "warmup_steps": 200,
    "max_env_steps": 700,
    "max_episode_steps": 500,  # one of Freeway takes 2,500
    "evaluation_episodes": 1,
    "goal_score": None,
}
_VARIANTS = {
    "plain": {},
    "huber, soft": {"loss": "huber", "target_update": "soft"},
    "copied by steps": {"target_update": "steps", "target_update_every": 50},
    "double, dueling, n-step": {"double_dqn": True, "dueling": True, "n_step": 3},
    "prioritized": {"prioritized_replay": True, "priority_beta_steps": 500},
    "clipped": {"gradient_clip_value": 0.1},
    "minibatches": {"minibatch_size": 24, "loss_over_all_outputs": True, "distinct_rows": True},
    "minibatches by priority": {"minibatch_size": 32, "prioritized_replay": True},
    "Keras' epsilon": {"adam_epsilon_hat": True, "adam_epsilon": 1e-3},
    "linear": {"hidden_sizes": ()},
    "odd widths": {"hidden_sizes": (37, 5, 18), "batch_size": 50},
    "no replay": {"mistake_no_replay": True},
    "parallel environments": {"parallel_environments": 3},
    "no target network": {"mistake_no_target_network": True},
    "pictures": {"env_id": CATCH},
    "pictures, most variants": {
        "env_id": CATCH,
        "double_dqn": True,
        "dueling": True,
        "n_step": 3,
        "prioritized_replay": True,
        "minibatch_size": 24,
        "loss": "huber",
        "target_update": "soft",
    },
    "pictures of parallel environments": {"env_id": CATCH, "parallel_environments": 3, "n_step": 2},
    "stacks of grey": {"env_id": CATCH_STACK, "network": "minatar", "batch_size": 8, "max_env_steps": 260},
}


def configs() -> dict[str, TrainingConfig]:
    """Short runs of every preset, and of every variant that the fused learner covers."""
    found = {
        f"{env_id} {name}": config.replace(**_SHORT)
        for env_id, preset in PRESETS.items()
        for name, config in preset.configs.items()
    }
    plain = TrainingConfig(**_SHORT, hidden_sizes=(32, 32))
    return found | {name: plain.replace(**changes) for name, changes in _VARIANTS.items()}


def digest(config: TrainingConfig) -> str:
    """Of everything that a run leaves but its times: the log, and all arrays of its last state."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder.create(Path(scratch) / "run", config)
        log, trainer = RunLog(folder), Trainer(config)
        for event in trainer.events():
            log.write(event)
        log.close()
        rows = list(csv.DictReader(io.StringIO((folder.path / "episodes.csv").read_text(encoding="utf-8-sig"))))
    if not rows or trainer.state.updates == 0:
        message = f"nothing was learned: {config}"
        raise RuntimeError(message)
    for row in rows:
        del row["wall_time_s"]
    state = {name: array.tobytes().hex() for name, array in trainer.state.learner.state_dict().items()}
    return hashlib.sha256(json.dumps([rows, state]).encode()).hexdigest()


if __name__ == "__main__":
    json.dump({name: digest(config) for name, config in configs().items()}, sys.stdout)
