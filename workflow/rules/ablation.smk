"""The full model beside its ablations (paper, section 4.5 and Figure 5)."""


rule ablation:
    """Compare the full model with its ablations, value by value and picture by picture."""
    input:
        expand(
            f"{RUN}/{{file}}",
            variant=VARIANTS,
            file=["metrics.json", "features.h5", "rollout.h5"],
            allow_missing=True,
        ),
        data=f"{CACHE}/test.h5",
    output:
        values=report(
            f"{RESULTS}/ablation.csv",
            caption="../report/ablation_values.rst",
            category="{dataset}",
            labels={"result": "ablations, values", "variant": "all"},
        ),
        differences=f"{RESULTS}/ablation_differences.csv",
        order=f"{RESULTS}/ablation_order.csv",
        plot=report(
            f"{RESULTS}/ablation.svg",
            caption="../report/ablation_plot.rst",
            category="{dataset}",
            labels={"result": "ablations, plot", "variant": "all"},
        ),
        frames=f"{RESULTS}/ablation_frames.png",
        page=report(
            f"{RESULTS}/ablation.html",
            caption="../report/ablation_page.rst",
            category="{dataset}",
            labels={"result": "ablations, page", "variant": "all"},
        ),
    log:
        "logs/{dataset}/ablation.log",
    benchmark:
        "logs/{dataset}/ablation.tsv"
    conda:
        "../../envs/evaluate.yaml"
    threads: 2
    resources:
        mem_mb=growing(4000),
    params:
        stage=lambda wildcards: ablation_digest(PROJECT, wildcards.dataset),
        given=given("ablation"),
        runs=lambda wildcards: f"{results_folder(FOLDERS, wildcards.dataset)}/runs",
    shell:
        "dwnet ablation --data {input.data:q} --runs {params.runs:q} --settings {params.given[settings]:q} --out {output.values:q} 2>&1 | tee {log:q}"
