"""How a coarse warp grid lies on disk: the source pixels that its two IUV maps do not predict.

Whoever reads a grid has the IUV maps of its source and driving frame. From them follow the pixels of the background and of parts that the
source lacks (see `grid`). The others are walked in reading order, and for each a place in the source is foretold: below the place that the
pixel above took, if that has the same part, else right of the one that the left neighbour took, else where the part was last. The guess
is the pixel with the nearest (U, V) in a window of ROWS x COLUMNS source pixels around that place, and it is right for 98 of 100 pixels.
The bytes say where it is wrong, and by how much.

Bytes of a grid: `<II`, a hash of all pixels that were walked and the parts that the source has (bit k = part k); then for every wrong
guess two numbers, each with its low seven bits first and bit 7 set where it goes on: how many guesses were right since the last
wrong one, and 2 d or -2 d - 1 where the source pixel lies d behind or before the guess. Bytes that have changed, or maps of other
frames, do not lead to the hash.
"""

import struct
from dataclasses import dataclass

import numpy as np
from llvmlite import ir
from numba import njit, types, uint32, uint64
from numba.extending import intrinsic

from .grid import index_dtype

ROWS, COLUMNS = 8, 8
ABOVE, LEFT = 3, 3
"""Size of the window, and its rows above and columns left of the place that was foretold."""
SHIFT = 6
"""Bits of a place in the window."""
FAR = 1 << 18
"""More than any squared distance inside a part (2 * 255 ** 2), less than any between two parts (769 ** 2)."""
HEADER = struct.Struct("<II")
BASIS, PRIME = 2166136261, 16777619
"""Of the FNV-1a hash, which takes four bytes at a time here."""
SPREAD = 2654435769
"""Spreads the number of a driving pixel over 32 bits."""


class GridError(ValueError):
    """The bytes of a grid do not belong to the IUV maps, or have changed."""


@dataclass(frozen=True)
class MapCodes:
    """An IUV map as the codec reads it.

    `codes` (margin + H * W + margin,) int32: I << 26 | U << 16 | V of every pixel; the margins are background. `box`: first row, row behind
    the last, first column, column behind the last of the body.
    """

    codes: np.ndarray
    height: int
    width: int
    box: tuple[int, int, int, int]

    @classmethod
    def of(cls, iuv: np.ndarray) -> "MapCodes":
        """Of an IUV map (H, W, 3) uint8 with I in 0..24."""
        height, width = iuv.shape[:2]
        codes = np.zeros(height * width + 2 * _margin(width), np.int32)
        box = _pack(np.ascontiguousarray(iuv), _margin(width), codes)
        return cls(codes, height, width, box)


def encode(index: np.ndarray, source: MapCodes, driving: MapCodes) -> bytes:
    """Bytes of the grid `index` (H, W) uint16 or uint32 from `source` to `driving`, as an engine makes it.

    Raises ValueError if pixels of the background, or of parts that the source lacks, are not what the maps say, or sizes differ.
    """
    _check_sizes(source, driving)
    index = np.ascontiguousarray(index).reshape(-1)
    again, data = np.empty_like(index), np.empty(6 * index.size, np.uint8)
    parts = _parts(source.codes, source.width, source.box)
    length, found = _walk(source.codes, driving.codes, source.width, driving.box, parts, index, again, data, 0, True)
    if not np.array_equal(index, again):
        raise ValueError("the grid is not one of these two IUV maps")
    return HEADER.pack(found, parts) + data[:length].tobytes()


def decode(data: bytes | np.ndarray, source: MapCodes, driving: MapCodes) -> np.ndarray:
    """The grid (H, W) uint16 or uint32 from `source` to `driving` whose bytes are `data`, uint8 where it is an array.

    Raises GridError if the bytes have changed or are those of other maps, ValueError if the maps differ in size.
    """
    _check_sizes(source, driving)
    if len(data) < HEADER.size or (len(data) > HEADER.size and data[-1] > 127):
        raise GridError("its bytes are cut off")
    expected, parts = HEADER.unpack(bytes(data[: HEADER.size]))
    rest = np.frombuffer(bytearray(data[HEADER.size :]), np.uint8)
    index = np.empty(source.height * source.width, index_dtype(source.height, source.width))
    length, found = _walk(source.codes, driving.codes, source.width, driving.box, parts, index, index, rest, len(rest), False)
    if length != len(rest) or found != expected:
        raise GridError("its bytes have changed, or the IUV maps are others")
    return index.reshape(source.height, source.width)


def _check_sizes(source: MapCodes, driving: MapCodes):
    if (source.height, source.width) != (driving.height, driving.width):
        raise ValueError(f"IUV maps of {source.width}x{source.height} and {driving.width}x{driving.height} pixels differ in size")


@njit(nogil=True, cache=True)
def _margin(width):
    """Pixels of background before and behind a map: no window around a pixel of the map, or of the row below it, reaches further."""
    return (ROWS + 1) * (width + 1)


@njit(nogil=True, cache=True)
def _pack(iuv, margin, codes):
    height, width = iuv.shape[:2]
    flat = iuv.reshape(-1)
    columns = np.zeros(width, np.int32)
    top, bottom = height, 0
    for row in range(height):
        line = codes[margin + row * width : margin + (row + 1) * width]
        first = 3 * row * width
        some = np.int32(0)
        for column in range(width):
            k = uint64(first + 3 * column)
            part = np.int32(flat[k]) & 31
            code = part << 26 | np.int32(flat[k + uint64(1)]) << 16 | np.int32(flat[k + uint64(2)])
            line[column] = code if part else 0
        for column in range(width):
            columns[column] |= line[column]
            some |= line[column]
        if some:
            top = min(top, row)
            bottom = row + 1
    inside = np.flatnonzero(columns)
    if len(inside) == 0:
        return 0, 0, 0, 0
    return top, bottom, inside[0], inside[-1] + 1


@njit(nogil=True, cache=True)
def _parts(codes, width, box):
    """Bit k is set where part k > 0 occurs."""
    margin = _margin(width)
    top, bottom, left, behind = box
    found = 0
    for row in range(top, bottom):
        for code in codes[margin + row * width + left : margin + row * width + behind]:
            found |= 1 << (code >> 26)
    return found & ~1


@njit(nogil=True, cache=True)
def _fill(source, driving, width, index):
    """Own index where both maps are background, else 0."""
    margin = _margin(width)
    here, there = source[margin : margin + index.size], driving[margin : margin + index.size]
    for i in range(index.size):
        index[i] = i if (here[i] | there[i]) == 0 else 0


@intrinsic
def _window(typing, codes, first, width, code):
    """Squared distance << SHIFT | place of the nearest code in the window whose first pixel is `codes[first]`.

    Written in LLVM's language, eight columns at a time, since Numba's vectoriser leaves loops this short alone: twice as slow to decode.
    """
    del typing
    signature = types.int32(codes, types.uint64, types.uint64, types.int32)

    def build(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        number, row = ir.IntType(32), ir.VectorType(ir.IntType(32), COLUMNS)
        pairs, wide = ir.VectorType(ir.IntType(16), 2 * COLUMNS), ir.VectorType(number, 2 * COLUMNS)

        def pick(vector, lanes):
            lanes = ir.Constant(ir.VectorType(number, len(lanes)), list(lanes))
            return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), lanes)

        def lower(a, b):
            return builder.icmp_signed("<", a, b)

        code = builder.insert_element(ir.Constant(row, ir.Undefined), arguments[3], ir.Constant(number, 0))
        code = builder.bitcast(pick(code, [0] * COLUMNS), pairs)
        position, nearest = arguments[1], None
        for k in range(ROWS):
            pointer = builder.bitcast(builder.gep(data, [position]), pairs.as_pointer())
            apart = builder.sext(builder.sub(builder.load(pointer, align=4), code), wide)
            squares = builder.mul(apart, apart)
            squares = builder.add(pick(squares, range(0, 2 * COLUMNS, 2)), pick(squares, range(1, 2 * COLUMNS, 2)))
            places = ir.Constant(row, list(range(k * COLUMNS, (k + 1) * COLUMNS)))
            if nearest is None:
                nearest, place = squares, places
            else:
                better = lower(squares, nearest)
                nearest, place = builder.select(better, squares, nearest), builder.select(better, places, place)
            position = builder.add(position, arguments[2])
        far = ir.Constant(row, [FAR] * COLUMNS)
        nearest = builder.select(lower(nearest, far), nearest, far)
        key = builder.or_(builder.shl(nearest, ir.Constant(row, [SHIFT] * COLUMNS)), place)
        half = COLUMNS // 2
        while half:
            other = pick(key, [k ^ half for k in range(COLUMNS)])
            key = builder.select(lower(other, key), other, key)
            half //= 2
        return builder.extract_element(key, ir.Constant(number, 0))

    return signature, build


@njit(nogil=True, cache=True)
def _append(data, k, number):
    """Write `number` at byte k; where the next one begins."""
    while number > 127:
        data[k] = number & 127 | 128
        number >>= 7
        k += 1
    data[k] = number
    return k + 1


@njit(nogil=True, cache=True)
def _number(data, k):
    """The number at byte k, which ends before the data do, and where the next one begins."""
    number, shift = 0, 0
    while data[k] > 127:
        number |= np.int64(data[k] & 127) << (shift & 63)
        shift += 7
        k += 1
    return number | np.int64(data[k]) << (shift & 63), k + 1


@njit(nogil=True, cache=True)
def _walk(source, driving, width, box, parts, given, index, data, length, encoding):
    """Fill a grid into `index`, the pixels that are walked from the grid `given`, with their bytes written to `data` (`encoding`), or from
    the first `length` bytes of `data`.

    Returns the bytes that were written or read, -1 where they lead nowhere, and the hash.
    """
    _fill(source, driving, width, index)
    margin = _margin(width)
    last = np.zeros(32, np.int64)
    hashed = uint32((uint32(BASIS) ^ uint32(parts)) * uint64(PRIME))
    k, right = 0, 0
    if not encoding:
        right = -1
        if length:
            right, k = _number(data, k)
    top, bottom, left, behind = box
    for row in range(top, bottom):
        for i in range(row * width + left, row * width + behind):
            code = driving[uint64(margin + i)]
            part = code >> 26
            if parts >> part & 1 == 0:
                continue
            if driving[uint64(margin + i - width)] >> 26 == part:
                place = np.int64(index[uint64(i - width)]) + width
            elif driving[uint64(margin + i - 1)] >> 26 == part:
                place = np.int64(index[uint64(i - 1)]) + 1
            else:
                place = last[uint64(part)]
            key = _window(source, uint64(margin + place - ABOVE * width - LEFT), uint64(width), code)
            if key < FAR << SHIFT:
                offset = np.int64(key & ((1 << SHIFT) - 1))
                place += (offset // COLUMNS - ABOVE) * width + offset % COLUMNS - LEFT
            else:
                place = last[uint64(part)]
            if encoding:
                off = np.int64(given[uint64(i)]) - place
                if off == 0:
                    right += 1
                else:
                    k = _append(data, k, right)
                    k = _append(data, k, 2 * off if off >= 0 else -2 * off - 1)
                    right = 0
                    place += off
            elif right == 0:
                if k >= length:
                    return -1, hashed
                off, k = _number(data, k)
                place += off >> 1 ^ -(off & 1)
                if place < 0 or place >= index.size:
                    return -1, hashed
                right = -1
                if k < length:
                    right, k = _number(data, k)
            else:
                right -= 1
            index[uint64(i)] = place
            last[uint64(part)] = place
            hashed = uint32((hashed ^ uint32(place) ^ uint32(uint64(i) * uint64(SPREAD))) * uint64(PRIME))
    return k, hashed
