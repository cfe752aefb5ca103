"""The search index: one point per region, built beside the live one, verified, swapped in at once."""
