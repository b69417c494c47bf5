"""What is measured on generated frames, one module per metric. docs/metrics.md has the protocol and all definitions.

Image metrics take frames as (B, 3, H, W) float tensors in [0, 1] and return one float64 number per frame, NaN where the metric does not
exist for that frame (no body, no common joint); such frames are not counted.
"""
