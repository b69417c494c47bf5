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
    """What a run without a target makes: the metrics of the data set `sample`."""
    default_target: True
    input:
        lambda wildcards: default_target(PROJECT),


onstart:
    due = [Due(job.rule.name, job.wildcards_dict) for job in workflow.dag.needrun_jobs()]
    with input_errors():
        SOURCES.check()
        keep_others_out(FOLDERS, due)
        check_settings(PROJECT, due)
    name_embedded(PROJECT, due)
    DISPLAY.start()


onsuccess:
    DISPLAY.stop()
    print_new_metrics(PROJECT, STARTED)


onerror:
    DISPLAY.stop()
    DISPLAY.print_failures(log)
