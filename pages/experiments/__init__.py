"""The list of experiments: what its browser side asks for, and that side itself."""
