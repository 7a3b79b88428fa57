"""Shaded capsules over a cluttered background, vectorised over a clip's frames, on the CPU or on CUDA.

Determinism: everything computed with more than + - * / and square root (all correctly rounded by IEEE 754) happens in
float64 before :func:`project`, which rounds to 1/64 pixel; from there on only such operations follow, each in a torch
kernel of its own, so that no compiler can fuse a multiplication with an addition.

T frames, H height, W width, K capsules. Pixel y points down; depth z points to the camera, in pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from fgsgl.data.synmg.background import chair, draw_background
from fgsgl.data.synmg.body import rotation
from fgsgl.data.synmg.figure import Capsules, build
from fgsgl.data.synmg.motion import Pose
from fgsgl.data.synmg.randomness import between
from fgsgl.data.synmg.scene import Camera, Scene

GRID = 64
"""Steps of a pixel to which projected coordinates are rounded."""
_FAR = -1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Light:
    """One lamp and the sensor: direction to the lamp (towards the camera is +z), strengths, gain, noise."""

    direction: tuple[float, float, float]
    ambient: float
    gain: float
    noise_grey: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """The frames of a clip, and where its moving part is visible."""

    frames_THWC: torch.Tensor
    """uint8 RGB"""
    mask_THW: torch.Tensor | None
    """bool; None unless asked for"""


def draw_light(noise_grey: tuple[float, float], rng: np.random.Generator) -> Light:
    """A lamp in front of and above the person."""
    x, y, z = between(rng, -0.7, 0.7), between(rng, 0.2, 0.8), between(rng, 0.6, 1.0)
    length = math.sqrt(x * x + y * y + z * z)
    return Light(
        direction=(x / length, y / length, z / length),
        ambient=between(rng, 0.34, 0.50),
        gain=between(rng, 0.85, 1.12),
        noise_grey=between(rng, *noise_grey),
    )


def project(points_K3: np.ndarray, camera: Camera, middle_m: float, size_px: int) -> np.ndarray:
    """World points (..., 3) in metres to (..., 3) pixels (x right, y down, z to the camera), rounded to 1/GRID px."""
    turn = rotation(*(np.array([angle]) for angle in (camera.yaw_rad, camera.pitch_rad, 0.0)))[0]
    seen = (points_K3 - np.array([0.0, middle_m, 0.0])) @ turn.T * (camera.scale * size_px)
    pixels = np.stack([camera.x * size_px + seen[..., 0], camera.y * size_px - seen[..., 1], seen[..., 2]], -1)
    return np.round(pixels * GRID) / GRID


def render(
    scene: Scene,
    pose: Pose,
    light: Light,
    rng: np.random.Generator,
    *,
    size_px: int,
    clutter: int,
    device: str = "cpu",
    with_mask: bool = False,
) -> Rendered:
    """Renders a clip; ``rng`` draws the background first and then the noise."""
    subject, camera = scene.subject, scene.camera
    middle_m = 0.5 * subject.torso_m
    px_per_m = camera.scale * size_px
    canvas = _Canvas(draw_background(subject.seated, camera, size_px, clutter, rng), light, device)
    if subject.seated:
        canvas.draw(*_packed(chair(subject), camera, middle_m, size_px), px_per_m)
    canvas.extend(len(pose.joints_TJ3))
    capsules = build(subject, pose)
    canvas.draw(*_packed(capsules, camera, middle_m, size_px), px_per_m, owners=with_mask)
    mask_THW = None
    if canvas.owner_THW is not None:
        moving = torch.tensor([part in moving_parts(scene) for part in capsules.parts] + [False], device=device)
        mask_THW = moving[canvas.owner_THW.long()]
    return Rendered(frames_THWC=canvas.develop(light, rng), mask_THW=mask_THW)


def moving_parts(scene: Scene) -> tuple[str, ...]:
    """The names of the capsules' parts that the program moves."""
    if scene.sides:
        return tuple(f"{scene.program.limb}{side:+d}" for side in scene.sides)
    body = {
        "head": ("head", "neck"),
        "shoulders": ("shoulders", "collar"),
        "head and shoulders": ("head", "neck", "shoulders", "collar"),
    }
    return body.get(scene.program.part, ("head", "neck", "shoulders", "collar", "trunk"))


def _packed(
    capsules: Capsules, camera: Camera, middle_m: float, size_px: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    starts, ends = (project(np.stack(list(x)), camera, middle_m, size_px) for x in (capsules.starts, capsules.ends))
    return starts, ends, np.array(capsules.radii_m), np.array(capsules.colours, dtype=np.float32)


class _Canvas:
    """Frames under way: colours (T, 3, H, W), depth (T, H, W), and which capsule owns a pixel."""

    def __init__(self, background_3HW: torch.Tensor, light: Light, device: str) -> None:
        self.colour = background_3HW[None].to(device)
        self.size = background_3HW.shape[-1]
        self.device = device
        self.pixels = torch.arange(self.size, dtype=torch.float32, device=device)
        # The lamp as three factors of a unit normal; pixel y points down.
        strength = 1.0 - light.ambient
        self.lamp = [float(np.float32(strength * v)) for v in light.direction]
        self.lamp[1] = -self.lamp[1]
        self.ambient = float(np.float32(light.ambient))
        self.clear()

    def clear(self) -> None:
        shape = self.colour.shape[:1] + self.colour.shape[2:]
        self.depth = torch.full(shape, _FAR, device=self.device)
        self.owner_THW: torch.Tensor | None = None

    def extend(self, frames: int) -> None:
        """Repeats the background for all frames; later drawings lie in front of it."""
        self.colour = self.colour.repeat(frames, 1, 1, 1)
        self.clear()

    def draw(
        self,
        starts_KT3: np.ndarray,
        ends_KT3: np.ndarray,
        radii_m_K: np.ndarray,
        colours_K3: np.ndarray,
        px_per_m: float,
        owners: bool = False,
    ) -> None:
        """Draws capsules with a depth buffer and soft edges."""
        radii_K = np.maximum(np.round(radii_m_K * px_per_m * GRID), GRID * 0.4) / GRID
        margin_K = radii_K + 1.0
        low_K2 = np.minimum(starts_KT3, ends_KT3)[..., :2].min(1) - margin_K[:, None]
        high_K2 = np.maximum(starts_KT3, ends_KT3)[..., :2].max(1) + margin_K[:, None]
        low_K2 = np.clip(np.floor(low_K2), 0, self.size).astype(int)
        high_K2 = np.clip(np.ceil(high_K2) + 1, 0, self.size).astype(int)
        if owners:
            self.owner_THW = torch.full_like(self.depth, len(radii_K), dtype=torch.uint8)
        bones_K8 = self._bones(starts_KT3, ends_KT3, radii_K).unbind(0)
        colours = torch.from_numpy(colours_K3).to(self.device)[:, :, None, None].unbind(0)
        for k, ((x0, y0), (x1, y1)) in enumerate(zip(low_K2.tolist(), high_K2.tolist(), strict=True)):
            if x0 < x1 and y0 < y1:
                view = (slice(None), slice(y0, y1), slice(x0, x1))
                self._capsule(k, view, bones_K8[k].unbind(0), float(radii_K[k]), colours[k])

    def _bones(self, starts_KT3: np.ndarray, ends_KT3: np.ndarray, radii_K: np.ndarray) -> torch.Tensor:
        """(K, 8, T, 1, 1): the factors that give the place along the bone (2), the bone (3) and its start (3).

        Pixels are in units of the capsule's radius, so that a surface point lies at distance 1.
        """
        start, end = (torch.from_numpy(p.astype(np.float32)).to(self.device).unbind(-1) for p in (starts_KT3, ends_KT3))
        radius_K1 = torch.from_numpy(radii_K.astype(np.float32)).to(self.device)[:, None]
        x, y, z = (b - a for a, b in zip(start, end, strict=True))
        length2 = torch.clamp(x * x + y * y, min=1.0 / GRID)
        rows = (x * radius_K1 / length2, y * radius_K1 / length2, x / radius_K1, y / radius_K1, z, *start)
        return torch.stack(rows, 1)[..., None, None]

    def _capsule(
        self, k: int, view: tuple[slice, ...], bone: tuple[torch.Tensor, ...], radius: float, colour: torch.Tensor
    ) -> None:
        ux, uy, bx, by, bz, sx, sy, sz = bone
        # Times the reciprocal: CUDA divides by a number in that way, the CPU does not.
        per_radius = float(np.float32(1.0 / radius))
        dx = (self.pixels[view[2]] - sx).mul_(per_radius)
        dy = (self.pixels[view[1]][:, None] - sy).mul_(per_radius)
        along = (dx * ux + dy * uy).clamp_(0.0, 1.0)
        ex = dx - along * bx
        ey = dy - along * by
        inside = (ex * ex).add_(ey * ey).neg_().add_(1.0)
        # In doubles: a CPU's sqrt of floats is MKL's, which rounds as the processor's maker likes.
        bulge = inside.clamp(min=0.0).double().sqrt_().float()
        # (1 - d^2) / 2 is close to the distance from the edge in radii; times the radius, plus half a pixel.
        cover = inside.mul_(0.5 * radius).add_(0.5).clamp_(0.0, 1.0)
        depth = along.mul_(bz).add_(sz).add_(bulge * radius)
        old_depth = self.depth[view]
        cover.masked_fill_(depth <= old_depth, 0.0)
        solid = cover > 0.5
        old_depth.copy_(torch.where(solid, depth, old_depth))
        if self.owner_THW is not None:
            self.owner_THW[view].masked_fill_(solid, k)
        shade = ex.mul_(self.lamp[0]).add_(ey.mul_(self.lamp[1])).add_(bulge.mul_(self.lamp[2]))
        shade = shade.clamp_(min=0.0).add_(self.ambient)
        old = self.colour[:, :, view[1], view[2]]
        old.add_((shade[:, None] * colour).sub_(old).mul_(cover[:, None]))

    def develop(self, light: Light, rng: np.random.Generator) -> torch.Tensor:
        """Gain, sensor noise (the sum of two uniform bytes a pixel: triangular in all), rounding: THWC uint8."""
        frames, _, height, width = self.colour.shape
        count = frames * height * width
        raw = rng.bit_generator.random_raw((count * 2 + 7) // 8).view(np.uint8)[: count * 2].reshape(2, count)
        sums = raw[0].astype(np.int16) + raw[1]
        noise = torch.from_numpy(sums.reshape(frames, 1, height, width)).to(self.device).to(torch.float32)
        # The sum of two uniform bytes has mean 255 and standard deviation 104.5.
        noise = noise.sub_(255.0).mul_(float(np.float32(light.noise_grey / 104.5)))
        picture = (self.colour * float(np.float32(light.gain))).add_(noise).add_(0.5).clamp_(0.0, 255.0)
        return picture.to(torch.uint8).permute(0, 2, 3, 1).contiguous()
