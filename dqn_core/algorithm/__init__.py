"""What DQN is: exploration, replay, networks, targets and the learners.

Import from the modules; this package itself pulls in neither torch nor numba.
"""
