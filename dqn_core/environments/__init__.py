"""The door to other people's environments."""
