"""The cache: clip table, frames, IUV maps, coarse warp grids, index."""


checkpoint clips:
    """Write the table of a data set's clips, and one for every shard."""
    input:
        lambda wildcards: clip_source(PROJECT, wildcards.dataset),
    output:
        f"{CACHE}/clips.csv",
    log:
        "logs/{dataset}/clips.log",
    benchmark:
        "logs/{dataset}/clips.tsv"
    conda:
        "../../envs/decode.yaml"
    params:
        stage=lambda wildcards: SOURCES.clips_params(wildcards.dataset),
        given=given("clips"),
        shards=by_settings(lambda data: data.shards),
        data=DATA,
    shell:
        "densepose-cache clips --source {params.given[source]:q} --shards {params.shards}"
        " --data {params.data:q} --out {output:q} 2>&1 | tee {log:q}"


rule decode:
    """Decode the clips of a shard into square frames."""
    input:
        clips=shard_clips,
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
    """Make the IUV maps of a shard's frames."""
    input:
        weights("densepose"),
        clips=shard_clips,
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
        **gpus(by_settings(densepose_gpus)),
        mem_mb=growing(8000),
    params:
        stage=stage("densepose"),
        given=given("densepose"),
        weights=FOLDERS.weights,
    shell:
        "densepose-cache densepose --clips {input.clips:q} --frames {input.frames:q} --settings {params.given[settings]:q}"
        " --weights {params.weights:q} --out {output:q} 2>&1 | tee {log:q}"


rule warp:
    """Compute the coarse warp grids of a shard's samples."""
    input:
        clips=shard_clips,
        iuv=f"{CACHE}/iuv/{{shard}}.h5",
    output:
        f"{CACHE}/warps/{{shard}}.h5",
    log:
        "logs/{dataset}/warp/{shard}.log",
    benchmark:
        "logs/{dataset}/warp/{shard}.tsv"
    conda:
        lambda wildcards: f"../../envs/{warp_environment(PROJECT.datasets[wildcards.dataset])}.yaml"
    resources:
        **gpus(by_settings(warp_gpus)),
        mem_mb=lambda wildcards, attempt: attempt * warp_memory(PROJECT.datasets[wildcards.dataset]),
    params:
        stage=stage("warp"),
        given=given("warp"),
    shell:
        "densepose-cache warp --clips {input.clips:q} --iuv {input.iuv:q} --settings {params.given[settings]:q}"
        " --workers {threads} --out {output:q} 2>&1 | tee {log:q}"


rule index:
    """Gather the shards of a data set into an index for each split."""
    input:
        shards("frames"),
        shards("iuv"),
        shards("warps"),
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
        shards=by_settings(lambda data: data.shards),
    shell:
        "densepose-cache index --clips {input.clips:q} --shards {params.shards} 2>&1 | tee {log:q}"
