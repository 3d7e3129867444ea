"""Measurements that compare: figures of one run side by side, never against a stored number."""
