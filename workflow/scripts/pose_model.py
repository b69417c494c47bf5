"""Make the MediaPipe pose model that ships with the package, `pose_landmarker.task`, and its record, `pose_landmarker.json`.

Usage: python workflow/scripts/pose_model.py [--wheel FILE] [--out FILE]

Current MediaPipe wheels run pose models but carry none. An older wheel carries the two networks (person detector and landmarks,
Apache-2.0) without the normalisation metadata that the current runtime asks for. The networks are taken out of that wheel, which pip
downloads from PyPI (36 MB) where none is given, checked against pinned digests, given their metadata and zipped uncompressed. The same
networks give the same bytes.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import flatbuffers

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import write_text_whole, written_whole
from densepose_cache.storage.digest import file_sha256
from densepose_cache.storage.packaged import pip
from dwnet.evaluation.keypoints.mediapipe_pose import TASK

PROJECT, VERSION = "mediapipe", "0.10.21"
WHEEL_TAGS = ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--platform", "manylinux_2_28_x86_64")
"""Which of the wheels is downloaded; the networks are the same in all."""
LICENCE = "Apache-2.0, Copyright The MediaPipe Authors; changed: normalisation metadata added to both networks."


@dataclass(frozen=True)
class Network:
    """One network: its path in the wheel, its name in the task, its digest, and the normalisation (x - mean) / std of 0..255 colours."""

    member: str
    name: str
    sha256: str
    mean: float
    std: float


NETWORKS = (
    Network(
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "pose_detector.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        127.5,
        127.5,
    ),
    Network(
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "pose_landmarks_detector.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        0.0,
        255.0,
    ),
)


def make(wheel: Path, out: Path):
    """Write the task `out` from `wheel`, and its record beside it. Raises InputError if the wheel is another one."""
    networks = read_networks(wheel)
    write_task(out, networks)
    record = {
        "sha256": file_sha256(out),
        "command": "make pose-model",
        "package": f"{PROJECT}=={VERSION}",
        "wheel": {"file": wheel.name, "sha256": file_sha256(wheel)},
        "networks": [asdict(network) for network in NETWORKS],
        "licence": LICENCE,
    }
    write_text_whole(out.with_suffix(".json"), json.dumps(record, indent=2) + "\n")


def download_wheel(folder: Path) -> Path:
    """Path of the wheel, downloaded into `folder` by pip. Raises InputError if it cannot be had."""
    what = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", *WHEEL_TAGS, "--dest", str(folder), f"{PROJECT}=={VERSION}"]
    environment = {key: value for key, value in os.environ.items() if key not in ("PIP_CONSTRAINT", "UV_CONSTRAINT")}
    done = subprocess.run([*pip(), *what], env=environment, capture_output=True, text=True, check=False)
    for wheel in folder.glob(f"{PROJECT}-{VERSION}-*.whl"):
        return wheel
    reason = (done.stderr or done.stdout or "no output").strip().splitlines()[-1]
    raise InputError(
        f"wheel {PROJECT}=={VERSION} could not be downloaded ({reason}). Connect this machine to PyPI and run again, or give a wheel "
        "of any platform with --wheel"
    )


def read_networks(wheel: Path) -> dict[str, bytes]:
    """Bytes of the two networks by their name in the task. Raises InputError if the wheel lacks one or its digest differs."""
    networks = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for network in NETWORKS:
                networks[network.name] = archive.read(network.member)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise InputError(f"{wheel}: not a wheel of {PROJECT}=={VERSION} ({error}))") from None
    for network in NETWORKS:
        found = hashlib.sha256(networks[network.name]).hexdigest()
        if found != network.sha256:
            raise InputError(f"{wheel}: {network.member} has sha256 {found}, expected {network.sha256}")
    return networks


def write_task(path: Path, networks: dict[str, bytes]):
    """Write the task file, whole or not at all."""
    with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for network in NETWORKS:
            entry = zipfile.ZipInfo(network.name, date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, with_normalisation(networks[network.name], network.mean, network.std))


def with_normalisation(model: bytes, mean: float, std: float) -> bytes:
    """TFLite `model` with metadata that says: the input is an RGB image, normalised as (x - mean) / std."""
    from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
    from mediapipe.tasks.metadata import schema_py_generated as schema

    content = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    field = schema.MetadataT()
    field.name = b"TFLITE_METADATA"
    field.buffer = len(content.buffers)
    buffer = schema.BufferT()
    buffer.data = list(_image_metadata(metadata_schema, len(content.subgraphs[0].outputs), mean, std))
    content.buffers.append(buffer)
    content.metadata = [*(content.metadata or []), field]
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(content.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _image_metadata(schema, outputs: int, mean: float, std: float) -> bytes:
    colours = schema.ImagePropertiesT()
    colours.colorSpace = schema.ColorSpaceType.RGB
    content = schema.ContentT()
    content.contentPropertiesType = schema.ContentProperties.ImageProperties
    content.contentProperties = colours
    options = schema.NormalizationOptionsT()
    options.mean, options.std = [mean], [std]
    unit = schema.ProcessUnitT()
    unit.optionsType = schema.ProcessUnitOptions.NormalizationOptions
    unit.options = options
    limits = schema.StatsT()
    limits.min, limits.max = [(0.0 - mean) / std], [(255.0 - mean) / std]
    image = schema.TensorMetadataT()
    image.name = "image"
    image.content, image.processUnits, image.stats = content, [unit], limits
    graph = schema.SubGraphMetadataT()
    graph.inputTensorMetadata = [image]
    graph.outputTensorMetadata = [schema.TensorMetadataT() for _ in range(outputs)]
    model = schema.ModelMetadataT()
    model.subgraphMetadata = [graph]
    model.minParserVersion = "1.0.0"
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"M001")
    return bytes(builder.Output())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help=f"a wheel of {PROJECT}=={VERSION} to take instead of a download")
    parser.add_argument("--out", type=Path, default=TASK)
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as temporary:
            make(arguments.wheel or download_wheel(Path(temporary)), arguments.out)
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
