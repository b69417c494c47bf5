"""A Snakemake run on the terminal: one line a stage while it goes on, and at its end what failed and how to try it again."""
