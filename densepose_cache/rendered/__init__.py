"""The embedded data set: rendered people in motion with exact IUV maps and COCO keypoints, made from CC0 body data."""
