"""What the rules in `workflow/rules` ask: digests, settings, inputs, resources and checks, as plain functions that know no Snakemake.

Importing it needs neither torch nor Snakemake: the rules do so whenever Snakemake starts, on a cluster for every job.
"""
