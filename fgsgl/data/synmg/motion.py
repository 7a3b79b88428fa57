"""Animates a scene as 25 joints per frame: rests, approach, oscillation, return, and small idle movements.

T frames; joints_TJ3 in metres (see body.py for the axes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fgsgl.data.synmg.body import ARM, LEG, rotation, two_bone_ik, unit
from fgsgl.data.synmg.hand_places import LEG_PLACES, PLACES
from fgsgl.data.synmg.scene import IDLE, Scene

_OWN_HZ = {
    "hold": 1.0, "rub": 1.6, "stroke": 0.8, "scratch": 2.6, "tap": 1.8, "pull": 0.9, "twist": 1.2, "fidget": 1.9,
    "beat": 1.2, "bounce": 2.4, "swing": 1.0, "shrink": 0.5,
}  # fmt: skip
"""Cycles per second of each motion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pose:
    """The body over time. ``head_T33``: columns are the head's own x, y, z."""

    joints_TJ3: np.ndarray
    head_T33: np.ndarray
    torso_T33: np.ndarray


@dataclass(slots=True)
class _Grip:
    """A hand's target: contact point, finger direction, surface normal, elbow direction, each (T, 3)."""

    point: np.ndarray
    fingers: np.ndarray
    normal: np.ndarray
    elbow: np.ndarray


def animate(scene: Scene, times_s_T: np.ndarray) -> Pose:
    """The joints at the given times (seconds from the clip's start); any times, so that 8 frames cost 8 frames."""
    idle = _idle(scene, times_s_T)
    body = _Body(scene, times_s_T, idle)
    for side in (1, -1):
        body.solve_leg(side)
    moving = scene.sides if scene.program.limb == "hand" else ()
    for side in (1, -1):
        if side not in moving or len(moving) == 2:
            body.solve_arm(side, None)
    for side in moving:
        body.solve_arm(side, scene.program.outcome)
    return Pose(joints_TJ3=body.joints_TJ3, head_T33=body.head_T33, torso_T33=body.torso_T33)


def progress(scene: Scene, times_s_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Progress of the limb on its way (0 onset, 1 place), and the envelope of its oscillation (0..1)."""
    there_T = _smooth((times_s_T - scene.start_s) / (scene.arrive_s - scene.start_s))
    back_T = _smooth((times_s_T - scene.leave_s) / (scene.end_s - scene.leave_s))
    way_T = scene.reach * (there_T * (1 - back_T) if scene.returns else there_T)
    ramp_s = 0.15
    rise_T = _smooth((times_s_T - scene.arrive_s + 0.1) / ramp_s)
    fall_T = _smooth((times_s_T - scene.leave_s + 0.05) / ramp_s)
    return way_T, rise_T * (1 - fall_T)


def _smooth(x_T: np.ndarray) -> np.ndarray:
    """Minimum-jerk step from 0 to 1."""
    x_T = np.clip(x_T, 0.0, 1.0)
    return x_T**3 * (10.0 - 15.0 * x_T + 6.0 * x_T**2)


def _idle(scene: Scene, times_s_T: np.ndarray) -> dict[str, np.ndarray]:
    amplitude, frequency, phase = (scene.idle_C23[:, :, None, i] for i in range(3))
    values_CT = (amplitude * np.sin(2 * np.pi * frequency * times_s_T + phase)).sum(1)
    idle = dict(zip(IDLE, values_CT, strict=True))
    for channel, size, at_s in scene.shifts:
        idle[channel] = idle[channel] + size * _smooth((times_s_T - at_s) / 0.45)
    return idle


class _Body:
    """Solves trunk and head on construction, then limb by limb."""

    def __init__(self, scene: Scene, times_s_T: np.ndarray, idle: dict[str, np.ndarray]) -> None:
        self.scene, self.idle, self.times_s_T = scene, idle, times_s_T
        self.way_T, self.envelope_T = progress(scene, times_s_T)
        cycle_T = 2 * np.pi * scene.frequency_hz * _OWN_HZ[scene.program.trajectory] * times_s_T
        self.waves = [
            np.sin(cycle_T * rate + phase) for rate, phase in zip((1, 0.73, 1.31), scene.phase_rad, strict=True)
        ]
        self.quarter_T = np.cos(cycle_T + scene.phase_rad[0])
        self.joints_TJ3 = np.zeros((len(times_s_T), 25, 3))
        self._solve_trunk()

    def _solve_trunk(self) -> None:
        s, idle = self.scene.subject, self.idle
        zero_T = np.zeros_like(self.times_s_T)
        self.torso_T33 = rotation(idle["yaw"], s.lean_rad + idle["lean"], idle["roll"])
        head_turn = rotation(idle["head_yaw"], idle["head_pitch"], idle["head_roll"])
        self.head_T33 = self.torso_T33 @ head_turn
        base_T3 = np.stack([idle["shift_x"], zero_T, zero_T], -1)
        self.base_T3 = base_T3
        sink_T, raise_T = self._shoulder_motion()
        sink_T, raise_T = sink_T + 0.7 * self.scene.raised_m, raise_T + idle["breath"] + self.scene.raised_m
        shoulder_T3 = base_T3 + self._torso(zero_T, s.torso_m + 0.4 * raise_T, zero_T)
        neck_T3 = base_T3 + self._torso(zero_T, s.torso_m + 0.45 * s.neck_m - 0.3 * sink_T, 0.3 * sink_T)
        lift_T = s.torso_m + s.neck_m - sink_T
        self.skull_T3 = base_T3 + self._torso(zero_T, lift_T, 0.02 + 0.6 * sink_T)
        self.skull_T3 = self.skull_T3 + s.head_m * self.head_T33[..., 1]
        joints = self.joints_TJ3
        joints[:, 0], joints[:, 1] = base_T3, base_T3 + self._torso(zero_T, 0.5 * s.torso_m, zero_T)
        joints[:, 20], joints[:, 2], joints[:, 3] = shoulder_T3, neck_T3, self.skull_T3
        for side in (1, -1):
            x = side * s.shoulder_m
            joints[:, ARM[side][0]] = base_T3 + self._torso(x + zero_T, s.torso_m - 0.035 + raise_T, 0.01)
            joints[:, LEG[side][0]] = base_T3 + np.array([side * s.hip_m, -0.02, 0.0])

    def _shoulder_motion(self) -> tuple[np.ndarray, np.ndarray]:
        """How far the head sinks and the shoulders rise, in metres (T,)."""
        a, zero_T = self.scene.amplitude_m, np.zeros_like(self.way_T)
        match self.scene.program.limb, self.scene.program.trajectory:
            case "body", "shrink":
                return 1.2 * a * self.way_T, 1.4 * a * self.way_T
            case "body", other:
                raise ValueError(f"the shoulders have no motion {other!r}")
        return zero_T, zero_T

    def _torso(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> np.ndarray:
        local_T3 = np.stack(np.broadcast_arrays(x, y, z), -1)
        return (self.torso_T33 @ local_T3[..., None])[..., 0]

    # -- legs ----------------------------------------------------------------------------------------------------

    def solve_leg(self, side: int) -> None:
        """Places the joints of a leg (+1 the person's left, -1 the right), which moves where the program moves legs."""
        scene, s, hip_T3 = self.scene, self.scene.subject, self.joints_TJ3[:, LEG[side][0]]
        moves = scene.program.limb == "leg" and side in scene.sides
        from_T3 = self._foot(scene.legs[side], side)
        offset_T3, toe_T = np.zeros_like(hip_T3), np.zeros_like(self.way_T)
        target_T3 = np.broadcast_to(from_T3, hip_T3.shape).copy()
        if moves:
            to_T3 = self._foot(scene.program.outcome, side)
            way_T1 = self.way_T[:, None]
            target_T3 = target_T3 + way_T1 * (to_T3 - from_T3)
            target_T3[:, 1] += (scene.legs[side] != scene.program.outcome) * 0.07 * 4 * self.way_T * (1 - self.way_T)
            offset_T3, toe_T = self._leg_motion(side)
        target_T3 = target_T3 + offset_T3
        channel = self.idle["foot_left" if side == 1 else "foot_right"]
        target_T3[:, 0] += channel
        pole = np.array([0.05 * side, 1.0, 0.8]) if s.seated else np.array([0.1 * side, 0.0, 1.0])
        pole_T3 = np.broadcast_to(pole, hip_T3.shape) + 5.0 * offset_T3 * np.array([1.0, 0.0, 0.0])
        knee_T3, ankle_T3 = two_bone_ik(hip_T3, target_T3, s.thigh_m, s.shin_m, pole_T3)
        toe_T3 = unit(np.stack([0.25 * side + 0 * toe_T, toe_T - 0.25, 1 + 0 * toe_T], -1))
        for joint, value in zip(LEG[side][1:], (knee_T3, ankle_T3, ankle_T3 + 0.14 * toe_T3), strict=True):
            self.joints_TJ3[:, joint] = value

    def _foot(self, place: str, side: int) -> np.ndarray:
        """The ankle's target at a place, (3,)."""
        s = self.scene.subject
        x, y, z = LEG_PLACES[place][s.seated]
        down, ahead = (s.shin_m - 0.06, 0.9 * s.thigh_m) if s.seated else (0.985 * (s.thigh_m + s.shin_m), 0.0)
        return np.array([side * (s.hip_m + x), y - down, ahead + z]) + self.scene.foot_m[side]

    def _leg_motion(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Offset of the ankle (T, 3) and tilt of the toes (T,)."""
        a, wave_T, zero_T = 1.3 * self.scene.amplitude_m, self.envelope_T * self.waves[0], np.zeros_like(self.way_T)
        up_T = self.envelope_T * (0.5 - 0.5 * self.quarter_T)
        match self.scene.program.trajectory:
            case "bounce":
                return np.stack([zero_T, 1.6 * a * up_T, zero_T], -1), -0.5 * up_T
            case "swing":
                return np.stack([1.6 * a * side * wave_T, 0.5 * a * up_T, a * wave_T], -1), zero_T
            case "hold":
                lift_T = self._resettle()
                return np.stack([0.5 * a * side * lift_T, 1.6 * a * lift_T, a * lift_T], -1), zero_T
            case other:
                raise ValueError(f"a leg has no motion {other!r}")

    def _resettle(self) -> np.ndarray:
        """Lift (0..1) of a limb that holds where it already is: once up and down again; 0 for all others. (T,)"""
        if self.scene.program.onset != self.scene.program.outcome:
            return np.zeros_like(self.way_T)
        return np.sin(np.pi * np.clip(self.way_T / self.scene.reach, 0, 1)) ** 2

    # -- arms ----------------------------------------------------------------------------------------------------

    def solve_arm(self, side: int, goal: str | None) -> None:
        """Solves an arm that rests at its place or, with ``goal``, moves there and does the program's motion."""
        scene, s, joints = self.scene, self.scene.subject, self.joints_TJ3
        grip = self._grip(scene.hands[side], side)
        curl_T = np.full_like(self.way_T, scene.curl_rad[side])
        thumb_T = np.zeros_like(self.way_T)
        if goal is not None:
            grip = self._approach(grip, scene.hands[side], goal, side)
            curl_T, thumb_T = self._hand_motion(grip, side)
        name = "left" if side == 1 else "right"
        drift_T3 = np.stack([self.idle[f"{name}_{axis}"] for axis in "xyz"], -1)
        fingers_T3 = unit(grip.fingers)
        wrist_T3 = grip.point + 0.012 * grip.normal + drift_T3 - 0.93 * s.hand_m * fingers_T3
        shoulder, *rest = ARM[side]
        elbow_T3, wrist_T3 = two_bone_ik(joints[:, shoulder], wrist_T3, s.upper_arm_m, s.forearm_m, grip.elbow)
        hand_T3 = wrist_T3 + 0.48 * s.hand_m * fingers_T3
        palm_T3 = -unit(grip.normal - np.sum(grip.normal * fingers_T3, -1, keepdims=True) * fingers_T3)
        bent_T3 = np.cos(curl_T)[:, None] * fingers_T3 + np.sin(curl_T)[:, None] * palm_T3
        thumb_side_T3 = side * np.cross(palm_T3, fingers_T3)
        thumb_out_T3 = 0.42 * fingers_T3 + (0.38 + 0.0 * thumb_T)[:, None] * thumb_side_T3 + thumb_T[:, None] * palm_T3
        tip_T3, thumb_T3 = hand_T3 + 0.52 * s.hand_m * bent_T3, wrist_T3 + s.hand_m * (0.1 * fingers_T3 + thumb_out_T3)
        for joint, value in zip(rest, (elbow_T3, wrist_T3, hand_T3, tip_T3, thumb_T3), strict=True):
            joints[:, joint] = value

    def _grip(self, name: str, side: int) -> _Grip:
        """The hand's target at a place, following the part of the body that the place belongs to."""
        s, place, joints = self.scene.subject, PLACES[name], self.joints_TJ3
        mirror = np.array([side, 1.0, 1.0])
        frame_T33 = self.head_T33 if place.frame == "head" else self.torso_T33
        if place.frame == "torso":
            local = np.array([s.shoulder_m, s.torso_m, s.depth_m]) * place.point * mirror
            point_T3 = self.base_T3 + (frame_T33 @ local)
        elif place.frame == "head":
            point_T3 = self.skull_T3 + frame_T33 @ (1.04 * s.head_m * np.array(place.point) * mirror)
        elif place.frame == "thigh":
            hip, knee = joints[:, LEG[side][0]], joints[:, LEG[side][1]]
            point_T3 = hip + place.point[0] * (knee - hip) + np.array([0.0, 0.085 * s.girth, 0.0])
        else:
            shoulder, elbow, wrist = (joints[:, i] for i in ARM[-side][:3])
            fraction = place.point[0]
            bone_T3 = wrist - elbow if fraction >= 0 else elbow - shoulder
            point_T3 = elbow + fraction * bone_T3 + np.array([0.0, 0.01, 0.05])
        fingers, normal, elbow = (
            frame_T33 @ (np.array(vector) * mirror) for vector in (place.fingers, place.normal, place.elbow)
        )
        point_T3 = point_T3 + frame_T33 @ self.scene.offset_m[side]
        fingers = unit(fingers) + self.scene.slant[side] * np.cross(unit(normal), unit(fingers))
        return _Grip(point_T3, unit(fingers), unit(normal), unit(elbow))

    def _approach(self, start: _Grip, onset: str, goal: str, side: int) -> _Grip:
        """The way from the onset to the goal, in an arc before the body."""
        end, way_T1 = self._grip(goal, side), self.way_T[:, None]
        if onset == goal:
            return end
        mixed = [a + way_T1 * (b - a) for a, b in zip(_vectors(start), _vectors(end), strict=True)]
        arc_T1 = 4 * way_T1 * (1 - way_T1)
        outwards = 0.16 if goal == "behind" or onset == "behind" else 0.03
        mixed[0] = mixed[0] + arc_T1 * np.array([outwards * side, 0.0, 0.08 if outwards < 0.1 else 0.0])
        return _Grip(mixed[0], unit(mixed[1]), unit(mixed[2]), unit(mixed[3]))

    def _hand_motion(self, grip: _Grip, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Adds the program's oscillation to the grip; returns the fingers' curl and the thumb's opening (T,)."""
        a, e_T, wave_T = self.scene.amplitude_m, self.envelope_T, self.envelope_T * self.waves[0]
        up_T = e_T * (0.5 - 0.5 * self.quarter_T)
        flat_T, zero_T = np.full_like(e_T, self.scene.curl_rad[side]), np.zeros_like(e_T)
        # In the surface: up, and sideways; a downward-facing or upward-facing surface uses depth for up.
        normal_T3 = grip.normal
        upwards = np.array([0.0, 1.0, 0.35])
        up_T3 = unit(upwards - np.sum(upwards * normal_T3, -1, keepdims=True) * normal_T3)
        across_T3 = side * np.cross(up_T3, normal_T3)

        def shift(up: np.ndarray, across: np.ndarray, off: np.ndarray) -> None:
            grip.point += up[:, None] * up_T3 + across[:, None] * across_T3 + off[:, None] * normal_T3

        match self.scene.program.trajectory:
            case "hold":
                lift_T = self._resettle()
                shift(1.2 * a * lift_T, 0.8 * a * lift_T, 1.6 * a * lift_T)
                return flat_T, zero_T
            case "rub":
                shift(zero_T, 1.1 * a * wave_T, zero_T)
            case "stroke":
                shift(1.9 * a * wave_T, zero_T, 0.6 * a * e_T * (1 + self.quarter_T) / 2)
            case "scratch":
                shift(0.75 * a * wave_T, zero_T, zero_T)
                return flat_T + 0.3 * wave_T, zero_T
            case "tap":
                shift(0.7 * a * up_T, 0.5 * a * up_T, 2.0 * a * up_T)
            case "pull":
                shift(-1.1 * a * up_T, 1.3 * a * up_T, 2.2 * a * up_T)
            case "twist":
                grip.fingers = unit(grip.fingers + (16.0 * a * wave_T)[:, None] * across_T3)
            case "fidget":
                shift(zero_T, 0.2 * a * self.waves[1] * e_T, zero_T)
                return flat_T + 22.0 * a * e_T * self.waves[0], 12.0 * a * e_T * self.quarter_T
            case "beat":
                shift(2.8 * a * wave_T, 2.0 * a * e_T * self.waves[1], 1.6 * a * e_T * self.waves[2])
            case other:
                raise ValueError(f"a hand has no motion {other!r}")
        return flat_T, zero_T


def _vectors(grip: _Grip) -> tuple[np.ndarray, ...]:
    return grip.point, grip.fingers, grip.normal, grip.elbow
