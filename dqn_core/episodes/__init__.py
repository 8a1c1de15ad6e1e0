"""An episode is a seed and its actions: played, replayed and checked, drawn, and written as a video."""
