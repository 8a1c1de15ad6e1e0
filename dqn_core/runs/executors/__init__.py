"""Where a run's trainer works; ``thread`` trains in a thread of this process."""
