"""Training, and the videos that the trained model makes."""


rule train:
    """Train a variant of the model."""
    input:
        weights("train"),
        lambda wildcards: start_files(PROJECT.datasets[wildcards.dataset].train, wildcards.variant),
        data=f"{CACHE}/train.h5",
    output:
        f"{RUN}/model.safetensors",
    log:
        "logs/{dataset}/train/{variant}.log",
    benchmark:
        "logs/{dataset}/train/{variant}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: by_settings(lambda data: train_threads(data, workflow.resource_settings.cores))
    resources:
        **gpus(by_settings(train_gpus)),
        nodes=by_settings(lambda data: data.train.nodes),
        mpi=by_settings(lambda data: "srun" if data.train.nodes > 1 else None),
        tasks=by_settings(train_processes),
        # None a GPU: every process sees all the GPUs of its machine and takes its own.
        tasks_per_gpu=0,
        mem_mb=16000,
        runtime=1440,
        # Five minutes before the time is up the training saves its state and stops; the next attempt goes on from there.
        slurm_extra="--signal=USR1@300",
    params:
        stage=stage("train"),
        given=given("train"),
        weights=FOLDERS.weights,
        launcher=by_settings(train_launcher),
    shell:
        "{params.launcher}dwnet train --data {input.data:q} --model {params.given[model]:q}"
        " --settings {params.given[settings]:q} --weights {params.weights:q} --out {output:q} 2>&1 | tee {log:q}"


rule rollout:
    """Generate the test clips with the trained model, frame after frame."""
    input:
        by_settings(transfer_pairs),
        data=f"{CACHE}/test.h5",
        model=f"{RUN}/model.safetensors",
    output:
        f"{RUN}/rollout.h5",
    log:
        "logs/{dataset}/rollout/{variant}.log",
    benchmark:
        "logs/{dataset}/rollout/{variant}.tsv"
    conda:
        "../../envs/evaluate.yaml"
    threads: 2
    resources:
        **gpus(by_settings(evaluate_gpus)),
        mem_mb=growing(8000),
    params:
        stage=stage("rollout"),
        given=given("rollout"),
    shell:
        "dwnet rollout --data {input.data:q} --model {input.model:q} --settings {params.given[settings]:q}"
        " --out {output:q} 2>&1 | tee {log:q}"
