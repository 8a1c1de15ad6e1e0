"""Parts of the page "Inside the agent", one a file; each draws what it is given and keeps nothing."""
