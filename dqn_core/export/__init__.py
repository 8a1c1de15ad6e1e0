"""A run taken elsewhere: its weights for other programs, its log for tables and TensorBoard."""
