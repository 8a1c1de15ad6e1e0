"""The online network as a file of its own: safetensors, which every framework can read and nothing can run."""

from __future__ import annotations

import numpy as np
from safetensors.numpy import save

from dqn_core.export.run_content import RunContent
from dqn_core.json_text import json_text

__all__ = ["weights_file"]


def weights_file(content: RunContent, weights: str) -> bytes:
    """``layers.{i}.weight`` [out, in] and ``.bias`` [out], float32; the run, its config and the snapshot in the header.

    Raises :class:`~dqn_core.errors.RunFolderError` where the run keeps no snapshot of this name.
    """
    arrays = content.folder.snapshot_weights(weights)
    about = {"run_id": content.run_id, "snapshot": weights, "config": content.config.to_dict()}
    in_order = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    return save(in_order, metadata={"dqn_lab": json_text(about)})
