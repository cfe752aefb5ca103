"""Answer a text query: parse, embed, search, render. Starts fast: nothing here imports torch."""
