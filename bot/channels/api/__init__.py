"""The JSON API: what the widget and integrators speak."""
