"""Random poses for training: a motion of the embedded data set at random instants, with every joint moved about."""

import numpy as np

from ...rendered.figure.body import load_body
from ...rendered.figure.motion import MOTIONS, SIDES, Motion, draw_motion

INSTANTS_PER_SECOND = 1.7
"""A person's frames are this far apart, so that they differ."""
CALM = 0.35
"""Share of people whose arms and legs keep to their motion."""
HEADINGS = (0.35, 0.25, 0.20)
"""Shares of frames with any heading, with the back to the camera, and in profile; the others keep their motion's."""


def draw_poses(frames: int, legs_free: bool, rng: np.random.Generator) -> np.ndarray:
    """Bone rotations (T, B, 3, 3) of `frames` poses, headings and leaning included; without `legs_free` the legs stay as in a skirt."""
    kinds = MOTIONS if legs_free else tuple(kind for kind in MOTIONS if kind != "kick")
    motion = draw_motion(str(rng.choice(kinds)), frames, INSTANTS_PER_SECOND, rng)
    reach = 0.0 if rng.random() < CALM else 1.0
    move_arms(motion, reach * rng.random(frames), rng)
    move_legs(motion, reach * legs_free * rng.random(frames), rng)
    move_trunk(motion, frames, rng)
    motion.heading = draw_headings(np.broadcast_to(motion.heading, frames), rng)
    rotations = motion.rotations(load_body())
    lean = rng.normal(size=(frames, 2)) * np.where(rng.random((frames, 1)) < 0.15, 0.25, 0.06)
    for t in range(frames):
        rotations[t, 0] = lean_matrix(*lean[t]) @ rotations[t, 0]
    return rotations


def lean_matrix(forwards: float, sideways: float) -> np.ndarray:
    """Rotation (3, 3) about the camera's x axis, then y axis."""
    c, s = np.cos(forwards), np.sin(forwards)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(sideways), np.sin(sideways)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ about_x


def draw_headings(own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Headings (T,) in radians; 0 faces the camera."""
    kind = rng.choice(4, len(own), p=[*HEADINGS, 1 - sum(HEADINGS)])
    back = np.pi + rng.normal(size=len(own)) * 0.5
    profile = rng.choice([-1, 1], len(own)) * np.pi / 2 + rng.normal(size=len(own)) * 0.35
    return np.choose(kind, [rng.uniform(-np.pi, np.pi, len(own)), back, profile, own])


def move_arms(motion: Motion, reach: np.ndarray, rng: np.random.Generator):
    """Small turns always; where `reach` (T,) in [0, 1] is large, arms go to any place, both alike in a third of those frames."""
    frames = len(reach)

    def anywhere():
        return np.stack([rng.uniform(-130, 15, frames), rng.uniform(-85, 30, frames), rng.uniform(0, 115, frames)])

    both, shared = reach > 0.85, anywhere()
    for side, sign in SIDES:
        far = (reach > 0.5) & (both | (rng.random(frames) < 0.6))
        sideways, forwards, bend = np.where(both, shared, anywhere())
        motion.add(f"upperarm01.{side}", "y", sign * np.where(far, sideways, 7 * rng.normal(size=frames)))
        motion.add(f"upperarm01.{side}", "x", np.where(far, forwards, 10 * rng.normal(size=frames)))
        motion.add(f"upperarm01.{side}", "z", np.where(far, 22, 8) * rng.normal(size=frames))
        motion.bend(side, np.where(far, bend, 14 * np.abs(rng.normal(size=frames))))
        motion.add(f"wrist.{side}", "y", 18 * rng.normal(size=frames))
        motion.add(f"wrist.{side}", "z", 12 * rng.normal(size=frames))


def move_legs(motion: Motion, reach: np.ndarray, rng: np.random.Generator):
    """Small turns always; where `reach` (T,) in [0, 1] is large, legs stand wide, step and kneel."""
    frames = len(reach)
    for side, sign in SIDES:
        far = (reach > 0.5) & (rng.random(frames) < 0.6)
        motion.add(f"upperleg01.{side}", "x", np.where(far, rng.uniform(-75, 20, frames), 5 * rng.normal(size=frames)))
        motion.add(f"upperleg01.{side}", "y", -sign * np.where(far, rng.uniform(0, 35, frames), 3 * np.abs(rng.normal(size=frames))))
        motion.add(f"upperleg01.{side}", "z", sign * 8 * rng.normal(size=frames))
        motion.add(f"lowerleg01.{side}", "x", np.where(far, rng.uniform(0, 80, frames), 5 * np.abs(rng.normal(size=frames))))
        motion.add(f"foot.{side}", "x", 9 * rng.normal(size=frames))
        motion.add(f"foot.{side}", "z", 9 * rng.normal(size=frames))


def move_trunk(motion: Motion, frames: int, rng: np.random.Generator):
    """The spine bends and twists, deeper in one frame of six; the head turns."""
    deep = np.where(rng.random(frames) < 0.17, 2.5, 1.0)
    for axis, spread in (("x", 7), ("y", 5), ("z", 8)):
        motion.add("spine03", axis, deep * spread * rng.normal(size=frames))
    for axis, spread in (("x", 10), ("y", 7), ("z", 18)):
        motion.add("head", axis, spread * rng.normal(size=frames))
