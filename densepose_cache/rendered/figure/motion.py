"""Motions: rotations of every bone over time, drawn anew for every clip.

Angles are degrees about the axes of the rest pose, parts of a bend about y first (raising and lowering limbs sideways), then x (swinging
them forwards and backwards, negative is forwards for what hangs down), then z (twisting).
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from .body import Body

MOTIONS = ("walk", "turn", "arms", "squat", "kick")
SIDES = (("L", 1.0), ("R", -1.0))


@dataclass
class Motion:
    """Bone angles (T, 3) in degrees, elbow bends (T,), the body's heading (T,) in radians and its way (T, 2) in metres over the floor."""

    kind: str
    time: np.ndarray
    angles: dict[str, np.ndarray] = field(default_factory=dict)
    elbows: dict[str, np.ndarray] = field(default_factory=dict)
    heading: np.ndarray | float = 0.0
    way: np.ndarray | float = 0.0

    def add(self, bone: str, axis: str, degrees):
        """Add `degrees` (T,) or a number to a bone's angle about `axis`."""
        self.angles.setdefault(bone, np.zeros((len(self.time), 3)))[:, "xyz".index(axis)] += degrees

    def bend(self, side: str, degrees):
        """Bend the elbow of `side` by `degrees` beyond the rest pose."""
        self.elbows[side] = self.elbows.get(side, 0) + degrees

    def rotations(self, body: Body) -> np.ndarray:
        """Rotation matrices (T, B, 3, 3) for `body.bone_transforms`; the root carries the heading."""
        out = np.tile(np.eye(3), (len(self.time), len(body.bones), 1, 1))
        for bone, angles in self.angles.items():
            turns = Rotation.from_euler("yxz", angles[:, [1, 0, 2]], degrees=True)
            out[:, body.bone(bone)] = turns.as_matrix()
        for side, degrees in self.elbows.items():
            hinge, _ = elbow_hinge(body, side)
            turns = Rotation.from_rotvec(np.radians(degrees)[:, None] * hinge)
            out[:, body.bone(f"lowerarm01.{side}")] = turns.as_matrix()
        out[:, 0] = Rotation.from_euler("z", np.broadcast_to(self.heading, len(self.time))[:, None]).as_matrix()
        return out


def elbow_hinge(body: Body, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of the elbow's hinge (a positive turn bends it) and of the forearm, in the rest pose."""
    shoulder, elbow, wrist = (body.heads[body.bone(f"{name}.{side}")] for name in ("upperarm01", "lowerarm01", "wrist"))
    hinge = np.cross(elbow - shoulder, wrist - elbow)
    return hinge / np.linalg.norm(hinge), (wrist - elbow) / np.linalg.norm(wrist - elbow)


def draw_motion(kind: str, frames: int, fps: float, rng: np.random.Generator) -> Motion:
    """A motion of `kind` (one of MOTIONS) over `frames` frames."""
    motion = Motion(kind, np.arange(frames) / fps)
    phase = rng.uniform(0, 2 * np.pi)

    def wave(frequency, shift=0.0):
        return np.sin(2 * np.pi * frequency * motion.time + phase + shift)

    stand(motion, rng)
    {"walk": walk, "turn": turn, "arms": arms, "squat": squat, "kick": kick}[kind](motion, wave, rng)
    for number in range(2, 6):
        curl = rng.uniform(8, 22)
        for side, sign in SIDES:
            for joint in (1, 2, 3):
                motion.add(f"finger{number}-{joint}.{side}", "y", sign * curl)
    return motion


def face_camera(rng: np.random.Generator) -> float:
    """A heading in radians: mostly towards the camera, now and then any."""
    return rng.normal() * 0.35 if rng.random() < 0.7 else rng.uniform(-np.pi, np.pi)


def stand(motion: Motion, rng: np.random.Generator):
    """From the rest pose to standing: arms hang, feet come closer."""
    narrow, lower, spread = rng.uniform(0, 5), rng.uniform(28, 38), rng.uniform(0, 12)
    for side, sign in SIDES:
        motion.add(f"upperarm01.{side}", "y", sign * lower)
        motion.bend(side, np.full(len(motion.time), -rng.uniform(12.0, 32.0)))
        motion.add(f"upperleg01.{side}", "y", sign * narrow)
        motion.add(f"foot.{side}", "y", -sign * narrow)
        motion.add(f"foot.{side}", "z", sign * spread)


def walk(motion: Motion, wave, rng: np.random.Generator):
    """Steps on the spot that also lead a little way over the floor."""
    pace, swing, arm = rng.uniform(0.75, 1.05), rng.uniform(17, 27), rng.uniform(8, 26)
    for side, _ in SIDES:
        shift = 0 if side == "L" else np.pi
        motion.add(f"upperleg01.{side}", "x", -swing * wave(pace, shift) - 4)
        motion.add(f"lowerleg01.{side}", "x", 7 + 44 * np.maximum(0, wave(pace, shift + np.pi / 2)))
        motion.add(f"foot.{side}", "x", -5 * wave(pace, shift))
        motion.add(f"upperarm01.{side}", "x", arm * wave(pace, shift) - 2)
        motion.bend(side, 8 + 0.4 * arm * (1 - wave(pace, shift)))
    motion.add("spine03", "z", 5 * wave(pace))
    motion.add("spine05", "y", 1.5 * wave(pace))
    motion.add("head", "z", rng.uniform(-12, 12) + 4 * wave(0.3, 1))
    heading = face_camera(rng) + rng.uniform(-0.5, 0.5) * motion.time / 2
    motion.heading = heading
    speed = rng.uniform(-0.05, 0.35)
    away = (motion.time - motion.time.mean()) * speed
    motion.way = np.stack([np.sin(heading) * away, -np.cos(heading) * away], 1)


def turn(motion: Motion, wave, rng: np.random.Generator):
    """A turn right round in small steps, as on a stage."""
    slow = rng.uniform(0.3, 0.5)
    duration = max(motion.time[-1], 1e-6)
    for side, sign in SIDES:
        shift = 0.0 if side == "L" else 2.0
        motion.add(f"upperarm01.{side}", "y", -sign * (8 + 8 * wave(slow, shift)))
        motion.add(f"upperarm01.{side}", "x", 9 * wave(slow, shift + 1))
        motion.bend(side, 16 + 14 * wave(slow, shift + 0.5))
        step = np.maximum(0, wave(1.0, shift * np.pi / 2))
        motion.add(f"upperleg01.{side}", "x", -10 * step)
        motion.add(f"lowerleg01.{side}", "x", 18 * step)
    motion.add("spine03", "z", 6 * wave(slow))
    motion.add("head", "z", 10 * wave(slow, 1))
    turns = rng.choice([-1, 1]) * rng.uniform(1.0, 1.2)
    eased = np.clip(motion.time / duration, 0, 1)
    eased = 0.6 * eased + 0.4 * eased * eased * (3 - 2 * eased)
    motion.heading = rng.uniform(-0.6, 0.6) + turns * 2 * np.pi * eased


def arms(motion: Motion, wave, rng: np.random.Generator):
    """Arms rise sideways and forwards, elbows bend; the legs shift their load."""
    slow = rng.uniform(0.25, 0.5)
    for side, sign in SIDES:
        shift = rng.uniform(0, 2 * np.pi)
        motion.add(f"upperarm01.{side}", "y", -sign * (rng.uniform(35, 55) + 40 * wave(slow, shift)))
        motion.add(f"upperarm01.{side}", "x", -(20 + 20 * wave(0.7 * slow, shift)))
        motion.bend(side, 26 + 32 * wave(slow, shift + 1.5))
        motion.add(f"upperleg01.{side}", "y", -sign * (4 + 4 * wave(slow, shift)))
        step = np.maximum(0, wave(0.4, shift))
        motion.add(f"upperleg01.{side}", "x", -14 * step)
        motion.add(f"lowerleg01.{side}", "x", 22 * step)
    motion.add("spine04", "y", 5 * wave(slow))
    motion.add("spine02", "z", 8 * wave(0.8 * slow, 1))
    motion.add("head", "x", 5 * wave(slow, 2))
    motion.add("head", "z", 10 * wave(0.7 * slow))
    motion.heading = face_camera(rng) + rng.uniform(0.1, 0.4) * wave(0.2)


def squat(motion: Motion, wave, rng: np.random.Generator):
    """Knees bend deep while the arms move before the body, as in tai chi."""
    slow = rng.uniform(0.2, 0.35)
    deep = rng.uniform(22, 42) * (0.5 + 0.5 * wave(slow))
    wide = rng.uniform(6, 16)
    for side, sign in SIDES:
        shift = 0 if side == "L" else 1.5
        motion.add(f"upperleg01.{side}", "y", -sign * wide)
        motion.add(f"foot.{side}", "y", sign * wide)
        motion.add(f"upperleg01.{side}", "x", -8 - deep)
        motion.add(f"lowerleg01.{side}", "x", 12 + 1.6 * deep)
        motion.add(f"foot.{side}", "x", -4 - 0.6 * deep)
        motion.add(f"upperarm01.{side}", "x", -(42 + 32 * wave(slow, shift)))
        motion.add(f"upperarm01.{side}", "y", -sign * (12 + 18 * wave(1.5 * slow, shift)))
        motion.bend(side, 34 + 24 * wave(1.3 * slow, shift + 1))
    motion.add("spine03", "x", 0.3 * deep)
    motion.heading = face_camera(rng) + 0.4 * wave(0.12)


def kick(motion: Motion, wave, rng: np.random.Generator):
    """One leg after the other rises, straight or bent, while the arms keep the balance."""
    slow, height, straight = rng.uniform(0.3, 0.5), rng.uniform(35, 75), rng.uniform(0.2, 1.3)
    sideways = rng.uniform(0, 30)
    for side, sign in SIDES:
        lift = np.maximum(0, wave(slow, 0 if side == "L" else np.pi)) ** 1.5
        motion.add(f"upperleg01.{side}", "x", -height * lift - 3)
        motion.add(f"upperleg01.{side}", "y", -sign * sideways * lift)
        motion.add(f"lowerleg01.{side}", "x", 6 + height * straight * lift)
        motion.add(f"foot.{side}", "x", 20 * lift)
        motion.add(f"upperarm01.{side}", "y", -sign * (30 + 22 * wave(slow, sign)))
        motion.add(f"upperarm01.{side}", "x", -(12 + 14 * wave(slow, 1 + sign)))
        motion.bend(side, 22 + 16 * wave(slow, 2 + sign))
    motion.add("spine04", "x", -3 * wave(2 * slow))
    motion.add("spine04", "y", 4 * wave(slow))
    motion.heading = face_camera(rng) + rng.uniform(0, 0.3) * wave(0.25)
