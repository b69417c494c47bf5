"""Networks of metrics, each with its weights from a local file."""
