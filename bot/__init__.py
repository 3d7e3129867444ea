"""The gateway: one pipeline that turns a message into a reply, and the channels around it."""
