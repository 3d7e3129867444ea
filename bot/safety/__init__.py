"""Pure safety functions: emergency triage and redaction; they import nothing of ours."""
