"""Ideas for novel words that were in no vocabulary."""
