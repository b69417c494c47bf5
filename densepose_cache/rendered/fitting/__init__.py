"""How the body and its chart were made: run by hand, never by the pipeline."""
