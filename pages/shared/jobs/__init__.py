"""Jobs in the browser: how far one is, and what came of it: videos, recorded episodes, evaluations."""
