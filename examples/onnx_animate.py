"""Animate with ONNX Runtime: python onnx_animate.py step.onnx step.inputs.npz out.mp4

The two files come from `dwnet export -o step.onnx --inputs photo.jpg dance.mp4`. Needs numpy, onnxruntime and imageio-ffmpeg alone.
"""

import sys

import imageio_ffmpeg
import numpy as np
import onnxruntime

BT709 = ["-crf", "18", "-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709"]


def frames(step, inputs):
    """Yield the frames (S, S, 3) uint8 that the ONNX file `step` makes of the opened `inputs`."""
    session = onnxruntime.InferenceSession(step, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    shared = {name: inputs[name] for name in names if name in inputs}
    previous = inputs["source"]
    for number, repeats in enumerate(inputs["repeats"]):
        own = {name: inputs[f"{name}/{number:06d}"] for name in names if name not in shared and name != "previous"}
        given = shared | own | {"previous": previous}
        (previous,) = session.run(None, {name: given[name] for name in names})
        pixels = ((previous[0] + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
        yield from [np.ascontiguousarray(pixels.transpose(1, 2, 0))] * repeats


if __name__ == "__main__":
    with np.load(sys.argv[2]) as inputs:
        size, fps = inputs["source"].shape[:1:-1], float(inputs["fps"])
        video = imageio_ffmpeg.write_frames(sys.argv[3], size, fps=fps, quality=None, output_params=BT709, macro_block_size=2)
        video.send(None)
        for frame in frames(sys.argv[1], inputs):
            video.send(frame)
        video.close()
