"""Trains the teacher, once for a folder."""

from __future__ import annotations

import copy
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fgsgl.errors import UserError
from fgsgl.models.pretrain.motions import Motions, make_motions
from fgsgl.models.pretrain.optim import adamw, average_into
from fgsgl.models.pretrain.teacher import Teacher, TeacherRecipe, losses_of

WARM_UP = 0.05
AVERAGE = 0.995
LOG_EVERY = 100

log = logging.getLogger(__name__)


def taught(folder: Path, recipe: TeacherRecipe, *, num_frames: int, seed: int, device: str = "cpu") -> Teacher:
    """The folder's teacher, which is trained first if it is not there; it learns no more.

    Raises:
        UserError: if the folder's teacher is of another recipe.
    """
    path = folder / "teacher.pt"
    facts = asdict(recipe) | {"num_frames": num_frames, "seed": seed}
    if path.is_file():
        state = torch.load(path, weights_only=True)
        if state["recipe"] != facts:
            raise UserError(f"{path} was trained with other settings; use a new --out folder")
    else:
        motions = make_motions(folder / "motions", recipe.clips, seed, num_frames)
        weights = train(motions, recipe, num_frames, seed, device).state_dict()
        state = {"recipe": facts, "known": motions.known, "weights": weights}
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)
    teacher = Teacher(num_frames, state["known"])
    teacher.load_state_dict(state["weights"])
    return teacher.to(device).eval().requires_grad_(False)


def train(motions: Motions, recipe: TeacherRecipe, num_frames: int, seed: int, device: str = "cpu") -> Teacher:
    """The moving average of a teacher's weights after all steps: first those without texts, then those with."""
    torch.manual_seed(seed)
    teacher = Teacher(num_frames, motions.known).to(device)
    average = copy.deepcopy(teacher).requires_grad_(False)
    optimizer = adamw(teacher, recipe.lr, recipe.weight_decay)
    steps = recipe.joint_steps + recipe.text_steps
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, steps + 1, pct_start=WARM_UP)
    for step in range(steps):
        rng = np.random.default_rng((seed, step))
        parts = losses_of(teacher, motions, recipe, rng, with_texts=step >= recipe.joint_steps)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(teacher.parameters(), 1.0, error_if_nonfinite=True)
        optimizer.step()
        schedule.step()
        average_into(average, teacher, AVERAGE, step)
        if (step + 1) % LOG_EVERY == 0:
            told = ", ".join(f"{name} {value.item():.3f}" for name, value in parts.items())
            log.info("teacher: step %d of %d, %s", step + 1, steps, told)
    return average.cpu()
