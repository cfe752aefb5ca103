"""The checks of the stage `validate`."""
