"""The picture of the rules in the documentation; to be made in the checkout."""


rule rulegraph:
    """Draw the rules, and whose output each reads."""
    input:
        "Snakefile",
        "config.yaml",
        [str(path) for path in sorted(Path("workflow/rules").glob("*.smk"))],
        script="workflow/scripts/rulegraph.py",
    output:
        "docs/rulegraph.md",
    log:
        "logs/rulegraph.log",
    conda:
        "../../envs/report.yaml"
    shell:
        "python {input.script:q} --out {output:q} 2>&1 | tee {log:q}"
