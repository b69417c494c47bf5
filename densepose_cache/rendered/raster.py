"""Z-buffer rasteriser and shader, compiled with numba."""

import numba as nb
import numpy as np

NOTHING = -1
FAR = np.float32(1e9)


@nb.njit(cache=True)
def rasterise(points, faces, owner, depth, second, third):
    """Draw triangles into a z-buffer.

    `points` (N, 3) float32: x, y in pixels (pixel centres at integer + 0.5) and depth, smaller is nearer; `faces` (F, 3) int32. Fills, all
    (H, W): `owner` int32 face or -1, `depth` float32, `second` and `third` float32 weights of the face's second and third corner.
    """
    height, width = owner.shape
    owner[:] = NOTHING
    depth[:] = FAR
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        left, right = max(0, int(np.ceil(min(ax, bx, cx) - 0.5))), min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top, bottom = max(0, int(np.ceil(min(ay, by, cy) - 0.5))), min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        inverse = np.float32(1) / area
        for y in range(top, bottom + 1):
            py = np.float32(y + 0.5)
            for x in range(left, right + 1):
                px = np.float32(x + 0.5)
                wb = ((px - ax) * (cy - ay) - (py - ay) * (cx - ax)) * inverse
                wc = ((bx - ax) * (py - ay) - (by - ay) * (px - ax)) * inverse
                wa = 1 - wb - wc
                if wa < -1e-6 or wb < -1e-6 or wc < -1e-6:
                    continue
                z = wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2]
                if z < depth[y, x]:
                    depth[y, x], owner[y, x], second[y, x], third[y, x] = z, f, wb, wc


@nb.njit(cache=True)
def fill_iuv(owner, second, third, part, uv, out):
    """IUV map (H, W, 3) uint8 from a rasterised chart mesh: `part` (F,) uint8, `uv` (F, 3, 2) float32 in 0..255."""
    for y in range(owner.shape[0]):
        for x in range(owner.shape[1]):
            f = owner[y, x]
            if f < 0:
                out[y, x, 0] = out[y, x, 1] = out[y, x, 2] = 0
                continue
            wb, wc = second[y, x], third[y, x]
            out[y, x, 0] = part[f]
            for k in range(2):
                value = (1 - wb - wc) * uv[f, 0, k] + wb * uv[f, 1, k] + wc * uv[f, 2, k]
                out[y, x, 1 + k] = np.uint8(min(255.0, max(0.0, value + 0.5)))


@nb.njit(cache=True)
def sample_texture(texture, u, v, out):
    """Bilinear, repeating lookup in `texture` (S, S, 3) at texture units u, v (one unit = one tile)."""
    size = texture.shape[0]
    x, y = (u - np.floor(u)) * size - 0.5, (v - np.floor(v)) * size - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    x1, y1 = (x0 + 1) % size, (y0 + 1) % size
    x0, y0 = x0 % size, y0 % size
    for k in range(3):
        upper = texture[y0, x0, k] * (1 - fx) + texture[y0, x1, k] * fx
        lower = texture[y1, x0, k] * (1 - fx) + texture[y1, x1, k] * fx
        out[k] = upper * (1 - fy) + lower * fy


@nb.njit(cache=True)
def shade(owner, second, third, faces, normals, corners, material, textures, gloss, relief, light, background, out):
    """Shade a picture rasterised at twice the size of `out` and average 2x2 samples.

    `owner`, `second`, `third` (2H, 2W); `normals` (N, 3) of the vertices; `corners` (F, 3, 2) texture coordinates; `material` (F,) index
    into `textures` (M, S, S, 3) float32 in 0..1, whose wrinkles are `gloss` (M,) times the pattern `relief` (S, S, 3); `light` (3,)
    towards the lamp; `background` (H, W, 3) float32 in 0..1; `out` (H, W, 3) uint8. The camera looks along +y.
    """
    colour, bump = np.empty(3, np.float32), np.empty(3, np.float32)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            red = green = blue = np.float32(0)
            for sub in range(4):
                sy, sx = 2 * y + sub // 2, 2 * x + sub % 2
                f = owner[sy, sx]
                if f < 0:
                    red += background[y, x, 0]
                    green += background[y, x, 1]
                    blue += background[y, x, 2]
                    continue
                wb, wc = second[sy, sx], third[sy, sx]
                wa = 1 - wb - wc
                a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
                nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
                ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
                nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
                scale = 1 / max(np.sqrt(nx * nx + ny * ny + nz * nz), np.float32(1e-6))
                inside = ny * scale > 0.2
                if inside:
                    scale = -scale
                nx, ny, nz = nx * scale, ny * scale, nz * scale
                u = wa * corners[f, 0, 0] + wb * corners[f, 1, 0] + wc * corners[f, 2, 0]
                v = wa * corners[f, 0, 1] + wb * corners[f, 1, 1] + wc * corners[f, 2, 1]
                m = material[f]
                sample_texture(textures[m], u, v, colour)
                sample_texture(relief, u * np.float32(0.7), v * np.float32(0.7), bump)
                lit = nx * light[0] + ny * light[1] + nz * light[2] + gloss[m] * bump[0]
                rim = max(np.float32(0), 1 + ny)
                level = (0.44 + 0.14 * (0.5 + 0.5 * nz) + 0.52 * max(np.float32(0), lit)) * (1 - 0.25 * rim * rim)
                if inside:
                    level *= 0.55
                red += colour[0] * level
                green += colour[1] * level
                blue += colour[2] * level
            out[y, x, 0] = np.uint8(min(255.0, 63.75 * red + 0.5))
            out[y, x, 1] = np.uint8(min(255.0, 63.75 * green + 0.5))
            out[y, x, 2] = np.uint8(min(255.0, 63.75 * blue + 0.5))
