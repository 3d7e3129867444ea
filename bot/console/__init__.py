"""The content team's pages: write, review, publish, listen."""
