"""DwNet: from videos to metrics. Everything it does is set in config.yaml."""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/checks.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/cache.smk"
include: "workflow/rules/learn.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/ablation.smk"
include: "workflow/rules/docs.smk"


rule all:
    default_target: True
    input:
        default_target,


onstart:
    jobs = list(workflow.dag.needrun_jobs())
    check_sources()
    keep_others_out(jobs)
    check_settings(jobs)
    name_embedded(jobs)
    DISPLAY.start()


onsuccess:
    DISPLAY.stop()
    print_new_metrics()


onerror:
    DISPLAY.stop()
    DISPLAY.print_failures(log)
