"""Body keypoint detectors. Each gives COCO's 17 joints (`densepose_cache.keypoints.JOINTS`) of the most prominent person of a frame as
(17, 3) float32: x, y in pixels of the frame (column, row; the centre of the first pixel is 0), and 1 where the joint is present, else 0."""
