"""Channels: each folder translates one way of talking to people; none decides anything."""
