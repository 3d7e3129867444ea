"""Pure safety functions: emergency triage and redaction; no input or output, nothing of ours imported."""
