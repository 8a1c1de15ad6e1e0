"""The DQN core: algorithm, training and runs. Importable anywhere; knows nothing of the dashboard."""

__version__ = "0.1.0"
