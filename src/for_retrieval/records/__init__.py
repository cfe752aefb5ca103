"""Records: a data set, read, checked and split."""
