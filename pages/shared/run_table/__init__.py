"""The table of runs: filtered, sorted and chosen from in the browser, kept up to date over the live socket."""
