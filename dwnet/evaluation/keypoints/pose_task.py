"""The MediaPipe pose model as one file, `pose_landmarker.task`.

Current MediaPipe wheels run pose models but carry none. An older wheel carries the two networks (person detector and landmarks,
Apache-2.0) without the normalisation metadata that the current runtime asks for. The networks are taken out of that wheel, checked against
pinned digests, given their metadata and zipped uncompressed.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import flatbuffers

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import written_whole

TASK_NAME = "pose_landmarker.task"
WHEEL_PROJECT, WHEEL_VERSION = "mediapipe", "0.10.21"
WHEEL_PATTERN = f"{WHEEL_PROJECT}-{WHEEL_VERSION}-*.whl"
DOWNLOAD_SECONDS = 600


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


def ensure_task(folder: Path) -> Path:
    """Path of `pose_landmarker.task` in `folder`; assembled there first if it is missing.

    The wheel is taken from `folder` if it lies there, else downloaded (36 MB). Raises InputError if neither is possible.
    """
    folder = Path(folder)
    path = folder / TASK_NAME
    if path.is_file():
        return path
    wheels = sorted(folder.glob(WHEEL_PATTERN))
    if wheels:
        networks = read_networks(wheels[0])
    else:
        with tempfile.TemporaryDirectory() as temporary:
            networks = read_networks(download_wheel(Path(temporary), folder))
    folder.mkdir(parents=True, exist_ok=True)
    write_task(path, networks)
    return path


def download_wheel(target: Path, folder: Path) -> Path:
    """Download the wheel into `target`; the platform does not matter, the networks are the same in all. Raises InputError."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PIP_CONSTRAINT", "UV_CONSTRAINT")}
    errors = []
    for command in _installers(target):
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            errors.append(str(error))
            continue
        found = sorted(target.glob(WHEEL_PATTERN))
        if found:
            return found[0]
        errors.append((done.stderr or done.stdout or "no output").strip().splitlines()[-1])
    raise InputError(
        f"the pose model cannot be made: wheel {WHEEL_PROJECT}=={WHEEL_VERSION} could not be downloaded "
        f"({'; '.join(errors) or 'no pip on this machine'}). Put a wheel "
        f"{WHEEL_PATTERN} of any platform, or a finished {TASK_NAME}, into {folder}/, or connect this machine to PyPI and run again"
    )


def _installers(target: Path) -> list[list[str]]:
    """Commands that may fetch the wheel: pip of this interpreter, pip on PATH, pip through uv."""
    what = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp"]
    what += ["--abi", "cp311", "--platform", "manylinux_2_28_x86_64", "--dest", str(target), f"{WHEEL_PROJECT}=={WHEEL_VERSION}"]
    commands = []
    if importlib.util.find_spec("pip"):
        commands.append([sys.executable, "-m", "pip", *what])
    if pip := shutil.which("pip3") or shutil.which("pip"):
        commands.append([pip, *what])
    if uv := shutil.which("uv"):
        commands.append([uv, "tool", "run", "pip", *what])
    return commands


def read_networks(wheel: Path) -> dict[str, bytes]:
    """Bytes of the two networks by their name in the task. Raises InputError if the wheel lacks one or its digest differs."""
    networks = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for network in NETWORKS:
                networks[network.name] = archive.read(network.member)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise InputError(f"{wheel}: not a wheel of {WHEEL_PROJECT}=={WHEEL_VERSION} ({error}); delete it and run again") from None
    for network in NETWORKS:
        found = hashlib.sha256(networks[network.name]).hexdigest()
        if found != network.sha256:
            raise InputError(f"{wheel}: {network.member} has sha256 {found}, expected {network.sha256}; delete the wheel and run again")
    return networks


def write_task(path: Path, networks: dict[str, bytes]):
    """Write the task file, whole or not at all; the same networks give the same bytes."""
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
