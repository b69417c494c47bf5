"""The parts of a DensePose R-CNN for inference, on operators of torch and torchvision alone.

Modules and parameters are named as detectron2 names them, so that its checkpoints fit. Legend of shapes: B frames of a batch, R regions
of interest of a frame, N people, feature levels p2 to p6 with strides of 4 to 64 pixels.
"""
