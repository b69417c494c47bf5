"""Metrics, and the page that shows them."""


rule evaluate:
    """Measure a variant's videos, and those of the baselines, on the test clips."""
    input:
        weights("evaluate"),
        data=f"{CACHE}/test.h5",
        model=f"{RUN}/model.safetensors",
        rollout=f"{RUN}/rollout.h5",
    output:
        metrics=f"{RUN}/metrics.json",
        clips=report(
            f"{RUN}/clips.csv",
            caption="../report/clips.rst",
            category="{dataset}",
            labels={"result": "metrics by clip", "variant": "{variant}"},
        ),
        features=f"{RUN}/features.h5",
    log:
        "logs/{dataset}/evaluate/{variant}.log",
    benchmark:
        "logs/{dataset}/evaluate/{variant}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    threads: 2
    resources:
        **gpus(by_settings(evaluate_gpus)),
        mem_mb=growing(8000),
    params:
        stage=stage("evaluate"),
        given=given("evaluate"),
        weights=FOLDERS.weights,
        origin=lambda wildcards, output: origin(PROJECT, wildcards.dataset, wildcards.variant),  # not compared, like `given`
    shell:
        "dwnet evaluate --data {input.data:q} --model {input.model:q} --rollout {input.rollout:q}"
        " --settings {params.given[settings]:q} --weights {params.weights:q} --origin {params.origin:q}"
        " --out {output.metrics:q} 2>&1 | tee {log:q}"


rule report:
    """Make the page and the metrics of the full model."""
    input:
        metrics=f"{RESULTS}/runs/full/metrics.json",
        quality=f"{CACHE}/iuv_quality.csv",
        quarantine=f"{CACHE}/quarantine.csv",
    output:
        page=report(
            f"{RESULTS}/report.html",
            caption="../report/page.rst",
            category="{dataset}",
            labels={"result": "page", "variant": "full"},
        ),
        metrics=report(
            f"{RESULTS}/metrics.json",
            caption="../report/metrics.rst",
            category="{dataset}",
            labels={"result": "metrics", "variant": "full"},
        ),
    log:
        "logs/{dataset}/report.log",
    conda:
        "../../envs/report.yaml"
    params:
        stage=stage("report"),
        given=given("report"),
        run=lambda wildcards, input: str(Path(input.metrics).parent),
    shell:
        "dwnet report --dataset {wildcards.dataset} --run {params.run:q} --settings {params.given[settings]:q}"
        " --quality {input.quality:q} --quarantine {input.quarantine:q}"
        " --metrics {output.metrics:q} --out {output.page:q} 2>&1 | tee {log:q}"
