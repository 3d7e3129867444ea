"""The four real processes together."""
