"""The list of all runs: its lines over the wire, its table in the browser, and runs as archives."""
