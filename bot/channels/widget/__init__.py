"""The web widget: a loader script, a chat page in an iframe, and the page that shows them."""
