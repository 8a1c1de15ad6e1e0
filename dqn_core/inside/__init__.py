"""Looking into an agent: its updates, its network, its memory, and how far its Q-values are from the actual returns."""
