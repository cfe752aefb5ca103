"""Release: a model with its index, built, judged, live or not."""
