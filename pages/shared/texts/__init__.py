"""Words, numbers and sentences in the reader's language."""
