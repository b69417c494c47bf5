"""IUV maps to and from other tools: pictures, DensePose's pictures with person numbers, detectron2's dumps, the official layout."""
