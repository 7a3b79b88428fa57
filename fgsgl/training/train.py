"""Training and scoring one cell with MMEngine's Runner, from its last finished epoch if there is one."""

from __future__ import annotations

import logging
from typing import Any

import fgsgl.util.cured_stack

import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import EMAHook
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.runner import Runner
from msgspec import structs
from torch.utils.data import DataLoader

import fgsgl.mmaction  # noqa: F401 (cures the stack, registers the recognizers)
from fgsgl.data.clip_table import ClipTable
from fgsgl.methods.method import Classes
from fgsgl.models.baselines.seen_heads import close_heads
from fgsgl.models.fgsgl.calibration_hook import CalibrateHook
from fgsgl.models.precision import Precision
from fgsgl.models.towers.checkpoint import load_of_other_classes
from fgsgl.models.towers.tower import Tower
from fgsgl.records.curve import read_curve
from fgsgl.records.environment import hardware, require_compiler
from fgsgl.records.predictions import Predictions
from fgsgl.records.record import Cost, Localisation
from fgsgl.training.cell_progress import FILE
from fgsgl.training.cell_spec import CellSpec, others_run
from fgsgl.training.cost import REPEATS, measure
from fgsgl.training.data_facts import bad_clips, data_facts
from fgsgl.training.distributed import join_processes, leave_processes, shared_config
from fgsgl.training.evaluate import adjusted, predict_split
from fgsgl.training.hooks import CellHook, peak_memory_mib
from fgsgl.training.localisation import Kept, localise
from fgsgl.training.mmengine_config import build_config
from fgsgl.training.outcome import Clock, Outcome
from fgsgl.training.visualizers import VISUALIZERS
from fgsgl.training.work_folder import CURVE, count_opening, prepare


def train_and_score(
    spec: CellSpec, table: ClipTable, device: str, autocast: Precision, clock: Clock
) -> tuple[Outcome, Predictions] | None:
    """Trains the cell's recognizer if it has a recipe, and then opens the split to score and scores it once.

    That is the test split, unless the protocol keeps it sealed. Of several processes that train together, the first
    scores alone; the others return None.
    """
    cell = spec.cell
    torch.set_num_threads(spec.threads)
    join_processes(device, spec.devices)
    config = _config(spec, table, autocast)
    clock.lap("import")
    progress = CellHook(spec.work_dir / FILE, spec.work_dir / CURVE, cell.protocol.patience, cell.cell_id)
    progress.tell(phase="build", at_once=True)
    runner = Runner.from_cfg(Config(config))
    runner.register_hook(progress)
    unseen = cell.protocol.regime.held_out(table.classes)
    close_heads(_model(runner), len(table.classes), unseen)
    if spec.trial and spec.trial.pruner:
        from fgsgl.training.trial_hook import TrialHook

        runner.register_hook(TrialHook(spec.trial, progress))
    compiled = spec.compile and _compile_tower(_model(runner), device)
    alone = not others_run(spec.work_dir)
    clock.lap("build")
    if cell.method.recipe:
        runner.train()
        clock.lap("train")
    first = is_main_process()
    leave_processes()
    if not first:
        return None

    model = _model(runner)
    _use_average(runner)
    others = table.tests_other_classes
    if others:
        model = _of_tested_classes(model, spec, table, autocast)
    count_opening(cell.protocol, spec.work_dir)
    test_loader = runner.build_dataloader(config["test_dataloader"])
    predictions = predict_split(
        model,
        test_loader,
        cell.protocol.views,
        lambda done, all_: progress.tell(phase="test", step=done, steps=all_, at_once=done == all_),
    )
    bad = bad_clips(cell, table) if table.parts else test_loader.dataset.cache.bad
    data = data_facts(cell, table, bad)
    if not others:  # classes that were trained on say nothing of how frequent others are
        predictions = adjusted(predictions, data.train_clips, cell.protocol.logit_adjustment, unseen)
    clock.lap("evaluate")
    cost, memory_mib = _cost(spec, model, next(iter(test_loader)), alone), peak_memory_mib()
    clock.lap("cost")
    opened = cell.protocol.scored_split == "test"
    localisation = _localised(spec, model, test_loader, table) if opened else None
    clock.lap("localise")
    parameters = list(model.parameters())
    logging.shutdown()
    outcome = Outcome(
        data=data,
        hardware=hardware(device, spec.threads, autocast, spec.devices, compiled),
        params=sum(parameter.numel() for parameter in parameters),
        trainable_params=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        curve=read_curve(progress.curve),
        selection={"epoch": runner.max_epochs if cell.method.recipe else 0, **_calibration(runner)},
        cost=cost,
        peak_memory_mib=memory_mib,
        localisation=localisation,
    )
    return outcome, predictions


def _cost(spec: CellSpec, model: BaseModel, batch: dict[str, Any], alone: bool) -> Cost:
    """Operations, and times where no other cell of the board ran when training began, nor runs now: times of a loaded
    machine say nothing."""
    alone = alone and not others_run(spec.work_dir)
    cost = measure(model, batch, repeats=REPEATS if alone else 0)
    if alone and others_run(spec.work_dir):  # one has started meanwhile
        alone, cost = False, Cost(gflops=cost.gflops)
    return structs.replace(cost, measured_alone=alone)


def _localised(spec: CellSpec, model: BaseModel, test_loader: DataLoader, table: ClipTable) -> Localisation | None:
    """Where the recognizer looks. The first seed of a row keeps saliency of some clips, that of a full method also
    the attention: what it is compared with is a variant."""
    cell = spec.cell
    first = cell.seed == 0
    kept = Kept(
        saliency=spec.ledger / f"{cell.cell_id}.saliency.npz" if first else None,
        attention=spec.ledger / f"{cell.cell_id}.attention.npz" if first and not cell.variant.changes else None,
    )
    batch = cell.protocol.batch_size // (cell.protocol.accumulate * spec.devices)  # its gradients fit
    return localise(model, test_loader, table, cell.protocol.dataset, batch, kept)


def _config(spec: CellSpec, table: ClipTable, autocast: str) -> dict[str, Any]:
    """The cell's config, with what this machine adds to it: nothing that changes what is computed."""
    cell = spec.cell
    config = build_config(
        cell.method,
        cell.variant.changes,
        cell.protocol,
        cell.seed,
        classes=Classes.of(table.trained_classes, cell.trained_text or cell.text, cell.protocol),
        root=spec.root,
        transfer_root=spec.transfer_root,
        work_dir=spec.work_dir,
        n_train=len(table.split("train")),
    )
    config["model"]["autocast"] = autocast
    config["resume"] = prepare(spec.work_dir, cell.cell_id, note=is_main_process())
    if spec.keep_checkpoints == "best":
        config["default_hooks"]["checkpoint"] |= {"save_best": "acc/top1", "rule": "greater"}
    backends = ["TensorboardVisBackend", *([VISUALIZERS[spec.visualizer]] if spec.visualizer else [])]
    config["visualizer"] = {"type": "ActionVisualizer", "vis_backends": [{"type": name} for name in backends]}
    return shared_config(config, spec.devices)


def _of_tested_classes(trained: BaseModel, spec: CellSpec, table: ClipTable, autocast: Precision) -> BaseModel:
    """The trained recognizer with the classes of the test clips, which it knows by their text, in place of its own."""
    cell = spec.cell
    config = build_config(
        cell.method, cell.variant.changes, cell.protocol, cell.seed,
        classes=Classes.of(table.classes, cell.text, cell.protocol), root=spec.root, work_dir=spec.work_dir,
        transfer_root=spec.transfer_root,
    )["model"]  # fmt: skip
    model = MODELS.build({**config, "autocast": autocast})
    if cell.method.recipe:
        load_of_other_classes(model, trained.state_dict())
    return model.to(next(trained.parameters()).device)


def _model(runner: Runner) -> BaseModel:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _compile_tower(model: BaseModel, device: str) -> bool:
    """Compiles the visual tower of a recognizer that has one, and says whether it has.

    Raises:
        UserError: where there is no compiler.
    """
    tower = getattr(model, "tower", None)
    if not isinstance(tower, Tower):
        return False
    require_compiler(device)
    tower.compile_visual()
    return True


def _use_average(runner: Runner) -> None:
    """Puts the moving average of the weights into the model, where the protocol asked for one."""
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            hook.before_test_epoch(runner)


def _calibration(runner: Runner) -> dict[str, float]:
    """Values that the recognizer's hook fitted on the validation split, if it has one."""
    return next((hook.fitted for hook in runner.hooks if isinstance(hook, CalibrateHook)), {})
