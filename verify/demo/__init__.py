"""The demo: recipes and pages of `verify demo`."""
