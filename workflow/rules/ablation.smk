"""The full model beside its ablations (paper, section 4.5 and Figure 5)."""


rule ablation:
    input:
        expand(
            f"{FOLDERS.results}/{{{{dataset}}}}/runs/{{variant}}/{{file}}",
            variant=VARIANTS,
            file=["metrics.json", "features.h5", "rollout.h5"],
        ),
        data=f"{CACHE}/test.h5",
    output:
        values=report(
            f"{FOLDERS.results}/{{dataset}}/ablation.csv",
            caption="../report/ablation_values.rst",
            category="{dataset}",
            labels={"result": "ablations, values", "variant": "all"},
        ),
        differences=f"{FOLDERS.results}/{{dataset}}/ablation_differences.csv",
        order=f"{FOLDERS.results}/{{dataset}}/ablation_order.csv",
        plot=report(
            f"{FOLDERS.results}/{{dataset}}/ablation.svg",
            caption="../report/ablation_plot.rst",
            category="{dataset}",
            labels={"result": "ablations, plot", "variant": "all"},
        ),
        frames=f"{FOLDERS.results}/{{dataset}}/ablation_frames.png",
        page=report(
            f"{FOLDERS.results}/{{dataset}}/ablation.html",
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
        stage=ablation_params,
        given=given("ablation"),
        runs=lambda wildcards: f"{FOLDERS.results}/{wildcards.dataset}/runs",
    shell:
        "dwnet ablation --data {input.data:q} --runs {params.runs:q} --settings {params.given[settings]:q} --out {output.values:q} 2>&1 | tee {log:q}"
