"""Looking into an agent: its updates, its network, its memory, and how honest its Q-values are."""
