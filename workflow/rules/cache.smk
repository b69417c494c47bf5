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
        " --data {params.data:q} --out {output:q} 2>&1 | tee {log:q}"


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
        runtime=growing(240),
    params:
        stage=stage("decode"),
        given=given("decode"),
    shell:
        "densepose-cache decode --clips {input.clips:q} --settings {params.given[settings]:q} --out {output:q} 2>&1 | tee {log:q}"


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
        **gpus(lambda data: int(data.densepose.backend != "precomputed" and data.densepose.device != "cpu")),
        mem_mb=growing(8000),
    params:
        stage=stage("densepose"),
        given=given("densepose"),
        weights=FOLDERS.weights,
    shell:
        "densepose-cache densepose --clips {input.clips:q} --frames {input.frames:q} --settings {params.given[settings]:q}"
        " --weights {params.weights:q} --out {output:q} 2>&1 | tee {log:q}"


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
        **gpus(lambda data: int(data.warp.engine == "torch")),
        mem_mb=lambda wildcards, attempt: attempt * (8000 if CONFIG.datasets[wildcards.dataset].warp.engine == "torch" else 2000),
    params:
        stage=stage("warp"),
        given=given("warp"),
    shell:
        "densepose-cache warp --clips {input.clips:q} --iuv {input.iuv:q} --settings {params.given[settings]:q}"
        " --workers {threads} --out {output:q} 2>&1 | tee {log:q}"


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
        "densepose-cache index --clips {input.clips:q} --shards {params.shards} 2>&1 | tee {log:q}"
