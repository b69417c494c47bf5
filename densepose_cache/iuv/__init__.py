"""IUV maps (H, W, 3) uint8: what they are, their files, how good they are."""

from .maps import PART_NAMES, PARTS, check_iuv
from .png import ORDER_KEYS, ORDERS, PNG_SUFFIX, find_png_order, read_iuv_png, write_iuv_png

__all__ = ["ORDERS", "ORDER_KEYS", "PARTS", "PART_NAMES", "PNG_SUFFIX", "check_iuv", "find_png_order", "read_iuv_png", "write_iuv_png"]
