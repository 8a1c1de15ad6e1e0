"""Guided experiments: a question, what is compared to answer it, and results that were measured beforehand."""
