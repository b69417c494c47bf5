"""IUV maps of decoded frames: from files (`precomputed`) or from a DensePose R-CNN (`detectron2`)."""
