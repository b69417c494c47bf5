"""Body keypoint detectors. Each gives COCO's 17 joints of the most prominent person of a frame as (17, 3) float32: x, y in pixels of the
frame (column, row; the centre of the first pixel is 0), and 1 where the joint is present, else 0."""

JOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
