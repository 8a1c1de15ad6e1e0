"""Runs over each other: what the Compare page's browser side asks for, and that side itself."""
