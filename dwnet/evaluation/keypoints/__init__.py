"""Body keypoint detectors. Each gives COCO's 17 joints (`densepose_cache.core.coco.JOINTS`) of every person of a frame, the surest first,
as (P, 17, 3) float32: x, y in pixels of the frame (column, row; the centre of the first pixel is 0), and 1 where the joint is present, else
0. `choose` tells which of them is the clip's person."""
