"""The cache: clip table, frames, IUV maps, coarse warp grids, index."""


checkpoint clips:
    input:
        clip_source,
    output:
        f"{CACHE}/clips.csv",
    log:
        "logs/{dataset}/clips.log",
    benchmark:
        "logs/{dataset}/clips.tsv"
    conda:
        "../../envs/decode.yaml"
    params:
        stage=clips_params,
        given=given("clips"),
        shards=lambda wildcards: CONFIG.datasets[wildcards.dataset].shards,
        data=DATA,
    shell:
        "densepose-cache clips --source {params.given[source]:q} --shards {params.shards}"
        " --data {params.data} --out {output} 2>&1 | tee {log}"


rule decode:
    input:
        clips=shard_table,
    output:
        f"{CACHE}/frames/{{shard}}.h5",
    log:
        "logs/{dataset}/decode/{shard}.log",
    benchmark:
        "logs/{dataset}/decode/{shard}.tsv"
    conda:
        "../../envs/decode.yaml"
    resources:
        mem_mb=growing(2000),
    params:
        stage=stage("decode"),
        given=given("decode"),
    shell:
        "densepose-cache decode --clips {input.clips} --settings {params.given[settings]:q} --out {output} 2>&1 | tee {log}"


rule densepose:
    input:
        weights("densepose"),
        clips=shard_table,
        frames=f"{CACHE}/frames/{{shard}}.h5",
    output:
        f"{CACHE}/iuv/{{shard}}.h5",
    log:
        "logs/{dataset}/densepose/{shard}.log",
    benchmark:
        "logs/{dataset}/densepose/{shard}.tsv"
    conda:
        "../../envs/densepose.yaml"
    resources:
        gpu=lambda wildcards: int(CONFIG.datasets[wildcards.dataset].densepose.backend != "precomputed"),
        mem_mb=growing(8000),
    params:
        stage=stage("densepose"),
        given=given("densepose"),
        weights=FOLDERS.weights,
    shell:
        "densepose-cache densepose --clips {input.clips} --frames {input.frames} --settings {params.given[settings]:q}"
        " --weights {params.weights} --out {output} 2>&1 | tee {log}"


rule warp:
    input:
        clips=shard_table,
        iuv=f"{CACHE}/iuv/{{shard}}.h5",
    output:
        f"{CACHE}/warps/{{shard}}.h5",
    log:
        "logs/{dataset}/warp/{shard}.log",
    benchmark:
        "logs/{dataset}/warp/{shard}.tsv"
    conda:
        warp_environment
    resources:
        gpu=lambda wildcards: int(CONFIG.datasets[wildcards.dataset].warp.engine == "torch"),
        mem_mb=lambda wildcards, attempt: attempt * (8000 if CONFIG.datasets[wildcards.dataset].warp.engine == "torch" else 2000),
    params:
        stage=stage("warp"),
        given=given("warp"),
    shell:
        "densepose-cache warp --clips {input.clips} --iuv {input.iuv} --settings {params.given[settings]:q}"
        " --workers {threads} --out {output} 2>&1 | tee {log}"


rule index:
    input:
        shard_files("frames"),
        shard_files("iuv"),
        shard_files("warps"),
        clips=f"{CACHE}/clips.csv",
    output:
        train=f"{CACHE}/train.h5",
        test=f"{CACHE}/test.h5",
        samples=f"{CACHE}/samples.csv",
        quality=report(
            f"{CACHE}/iuv_quality.csv",
            caption="../report/quality.rst",
            category="{dataset}",
            labels={"result": "quality of the IUV maps", "variant": "all"},
        ),
        quarantine=f"{CACHE}/quarantine.csv",
    log:
        "logs/{dataset}/index.log",
    conda:
        "../../envs/decode.yaml"
    params:
        stage=stage("index"),
        shards=lambda wildcards: CONFIG.datasets[wildcards.dataset].shards,
    shell:
        "densepose-cache index --clips {input.clips} --shards {params.shards} 2>&1 | tee {log}"
