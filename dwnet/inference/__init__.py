"""Generation of frames with a trained generator, and what anyone can do without one."""
