"""What a run does: environments, the trainer's loop, evaluation, and what a run leaves on disk."""
