"""Rendered videos, downloaded videos, weight files."""


# Machines of a cluster that compute often have no network.
localrules:
    fetch,
    weights,


rule sample:
    """Render people with exact IUV maps."""
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
        options=by_settings(sample_options),
        folder=parent_folder,
    shell:
        "densepose-cache sample --out {params.folder:q} {params.options} --workers {threads} 2>&1 | tee {log:q}"


rule fetch:
    """Download the videos of a data set's lists of URLs."""
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
        stage=lambda wildcards: SOURCES.fetch_params(wildcards.dataset),
        given=given("fetch"),
    shell:
        "densepose-cache fetch --source {params.given[source]:q} --out {output:q} 2>&1 | tee {log:q}"


rule weights:
    """Download a network's published weight file."""
    output:
        f"{FOLDERS.weights}/{{file}}",
    log:
        "logs/weights/{file}.log",
    wildcard_constraints:
        file=WEIGHT_FILES,
    conda:
        "../../envs/decode.yaml"
    params:
        name=lambda wildcards: weights_name(wildcards.file),
        folder=parent_folder,
    shell:
        "densepose-cache fetch --weights {params.name:q} --out {params.folder:q} 2>&1 | tee {log:q}"
