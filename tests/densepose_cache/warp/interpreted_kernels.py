"""Compare the Triton kernels, interpreted (TRITON_INTERPRET=1) on the CPU, with a search written out; fails where a grid differs."""

import numpy as np
import torch
from random_maps import brute_force, random_map

from densepose_cache.warp import chart_kernels, charts


def main():
    torch.set_num_threads(1)
    charts._kernels = lambda kind: chart_kernels
    # The interpreter's time goes by the number of programs.
    chart_kernels.COLUMNS, chart_kernels.PIXELS, chart_kernels.QUERIES, chart_kernels.PROGRAMS = 256, 64, 32, 3
    rng = np.random.default_rng(2)
    for kinds, parts in ((("corners", "flat"), [0, 1, 24]), (("sparse", "smooth"), [3])):
        maps = np.stack([random_map(rng, 13, 17, np.array(parts), kind) for kind in kinds] + [np.zeros((13, 17, 3), np.uint8)])
        maps[2, 5, 5] = parts[-1], 255, 0
        frames = torch.from_numpy(maps)
        drawn = charts.Charts(frames, [1, 2])
        tasks = np.array([(0, 1, 0), (0, 1, 1), (0, 1, 2), (1, 2, 0), (1, 2, 1)])
        for (_, source, driving), index in zip(tasks, drawn.search(frames, tasks).numpy(), strict=True):
            assert np.array_equal(index, brute_force(maps[source], maps[driving])), (kinds, source, driving)
    print("equal")


if __name__ == "__main__":
    main()
