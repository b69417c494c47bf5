"""Rendered videos, downloaded videos, weight files."""


# Machines of a cluster that compute often have no network.
localrules:
    fetch,
    weights,


rule sample:
    output:
        f"{DATA}/manifest.csv",
    log:
        "logs/{dataset}/sample.log",
    benchmark:
        "logs/{dataset}/sample.tsv"
    conda:
        "../../envs/decode.yaml"
    threads: 2
    params:
        stage=stage("sample"),
        options=sample_options,
        folder=parent_folder,
    shell:
        "densepose-cache sample --out {params.folder:q} {params.options} --workers {threads} 2>&1 | tee {log:q}"


rule fetch:
    output:
        f"{DATA}/fetched.csv",
    log:
        "logs/{dataset}/fetch.log",
    benchmark:
        "logs/{dataset}/fetch.tsv"
    retries: 2
    conda:
        "../../envs/decode.yaml"
    params:
        stage=fetch_params,
        given=given("fetch"),
    shell:
        "densepose-cache fetch --source {params.given[source]:q} --out {output:q} 2>&1 | tee {log:q}"


rule weights:
    output:
        f"{FOLDERS.weights}/{{file}}",
    log:
        "logs/weights/{file}.log",
    wildcard_constraints:
        file="|".join(re.escape(weight.file) for weight in WEIGHTS.values()),
    conda:
        "../../envs/decode.yaml"
    params:
        name=lambda wildcards: next(name for name, weight in WEIGHTS.items() if weight.file == wildcards.file),
        folder=parent_folder,
    shell:
        "densepose-cache fetch --weights {params.name:q} --out {params.folder:q} 2>&1 | tee {log:q}"
