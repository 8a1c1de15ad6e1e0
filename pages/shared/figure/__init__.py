"""One figure with its tools: pictures and tables of it to download, and a slider where it plays over time."""
