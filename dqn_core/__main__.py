"""``python -m dqn_core``: the command line."""

from dqn_core.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
