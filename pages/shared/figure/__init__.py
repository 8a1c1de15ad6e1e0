"""One figure with its tools: pictures and tables of it to take home, and a slider where it plays over time."""
