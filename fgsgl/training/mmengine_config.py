"""A cell as an MMEngine config: the same dictionary runs in our harness and in MMAction2's own tools."""

from __future__ import annotations

import pprint
from collections.abc import Mapping
from dataclasses import asdict, replace
from math import ceil
from pathlib import Path
from typing import Any

from fgsgl.data import datasets
from fgsgl.data.clip_table import Split
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.joined_table import require_same_classes
from fgsgl.data.prepare import class_names
from fgsgl.data.regime import Regime
from fgsgl.methods.budget import epochs_of
from fgsgl.methods.method import Classes, Method, ModelConfig, Recipe
from fgsgl.methods.registry import get
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError

DEFAULT_HOOKS: Mapping[str, Mapping[str, Any]] = {
    "timer": {"type": "IterTimerHook"},
    "logger": {"type": "LoggerHook", "interval": 20, "log_metric_by_epoch": True},
    "param_scheduler": {"type": "ParamSchedulerHook"},
    "checkpoint": {"type": "CheckpointHook", "interval": 1, "max_keep_ckpts": 2},
    "sampler_seed": {"type": "DistSamplerSeedHook"},
}


def build_config(
    method: Method,
    changes: Mapping[str, Any],
    protocol: Protocol,
    seed: int,
    *,
    classes: Classes,
    root: Path,
    work_dir: Path,
    n_train: int | None = None,
    transfer_root: Path | None = None,
) -> dict[str, Any]:
    """The whole MMEngine config of a trained method's cell, in plain values.

    Args:
        method: a method that has a model (no floor). Without a recipe it gets a config without training.
        changes: settings of the variant, and of its recipe.
        protocol: what all methods share.
        seed: of initialisation, data order and augmentation.
        classes: how many, and their FG-Text.
        root: the data set's folder.
        work_dir: where checkpoints and logs go.
        n_train: clips in the training split, where that is known: a warm-up of under two steps is left out.
        transfer_root: the folder of the data that are trained on, where the protocol names others; None: their own.

    Raises:
        UserError: as :func:`fgsgl.methods.budget.epochs_of`, or for settings that a method cannot be built with.
    """
    data = protocol.data_spec(root, transfer_root)
    recipe = method.recipe_with(changes)
    if method.model is None:
        raise ValueError(f"{method.name} has no model, so it has no config")
    model = method.model(protocol, classes, method.resolve(changes))
    if model.get("text_draw") == "cell":
        model["text_seed"] = seed
    if protocol.label_smoothing and "cls_head" in model:
        model["cls_head"]["label_smooth_eps"] = protocol.label_smoothing
    if classes.unseen:
        _leave_out_unseen(model, method, classes)
    model["data_preprocessor"] = {**model["data_preprocessor"], **_augmentation(method, protocol)}
    evaluator = {"type": "AccMetric", "metric_list": ("top_k_accuracy", "mean_class_accuracy")}
    return {
        "custom_imports": {"imports": ["fgsgl.mmaction"], "allow_failed_imports": False},
        "default_scope": "mmaction",
        "model": model,
        "val_dataloader": _loader(method, protocol, data, "val", seed),
        "test_dataloader": _loader(method, protocol, data, protocol.scored_split, seed),
        "val_evaluator": evaluator,
        "test_evaluator": evaluator,
        **_training(method, recipe, protocol, data, n_train, seed),
        "val_cfg": {"type": "ValLoop"},
        "test_cfg": {"type": "TestLoop"},
        "default_hooks": {name: dict(hook) for name, hook in DEFAULT_HOOKS.items()},
        "custom_hooks": [
            {"type": "EpochSeedHook", "seed": seed},
            *([{"type": "EMAHook", "momentum": 1 - protocol.ema}] if recipe and protocol.ema else []),
            *(dict(hook) for hook in method.hooks),
        ],
        "test_pipeline": [{"type": "ReadClip", "num_frames": protocol.num_frames, "image_size": protocol.image_size}]
        if method.modality == "rgb"
        else [],
        "env_cfg": {"cudnn_benchmark": False, "mp_cfg": {"mp_start_method": "fork", "opencv_num_threads": 0}},
        "randomness": {"seed": seed},
        "log_level": "INFO",
        "load_from": None,
        "resume": False,
        "work_dir": str(work_dir),
    }


def _training(
    method: Method, recipe: Recipe | None, protocol: Protocol, data: DataSpec, n_train: int | None, seed: int
) -> dict[str, Any]:
    """What a training needs; None everywhere without a recipe."""
    if recipe is None:
        return {name: None for name in ("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler")}
    epochs = epochs_of(method, protocol)
    steps = n_train and ceil(n_train * protocol.accumulate / protocol.batch_size)
    return {
        "train_dataloader": _loader(method, protocol, data, "train", seed),
        "train_cfg": {"type": "EpochBasedTrainLoop", "max_epochs": epochs, "val_interval": 1},
        "optim_wrapper": _optimizer(recipe, protocol.accumulate),
        "param_scheduler": _schedule(recipe.warmup * epochs, epochs, steps),
    }


def config_text(
    method_name: str, protocol: Protocol, seed: int, root: Path | None = None, transfer_root: Path | None = None
) -> str:
    """A method's config as the text of a config file, for MMAction2's own tools.

    Raises:
        UserError: for a method that is not trained, a table of one's own that cannot be read, FG-Text of other classes
            than its, or other classes that are trained on.
    """
    method = get(method_name)
    if method.recipe is None:
        raise UserError(f"{method_name} needs no training, so it has no config")
    data = protocol.data_spec(root, transfer_root)
    trained_on = _placed(data.trained_on, transfer_root) if data.trained_on else None
    data = replace(_placed(data, root), trained_on=trained_on)
    names = class_names(data, text=method.reads_text)
    if data.trained_on is not None:
        where = (one.where for one in (data.trained_on, data))
        trained = class_names(data.trained_on, text=False)
        require_same_classes(f"{method_name} in MMAction2's own tools", trained, names, *where)
    config = build_config(
        method,
        {},
        protocol,
        seed,
        classes=Classes.of(names, data.text, protocol),  # of a given root absolute: it works from any folder
        root=data.root,
        transfer_root=data.trained_on.root if data.trained_on else None,
        work_dir=Path("work_dirs") / f"{method_name}-{protocol.dataset}-{protocol.preset}",
    )
    named = f"{method.display_name} on {protocol.dataset}, preset {protocol.preset}, for MMAction2's own tools."
    lines = [f'"""{named} Written by `fgsgl config`."""', ""]
    config["dataset_meta"] = {"classes": list(names)}
    lines += [f"{name} = {pprint.pformat(value, width=116, sort_dicts=False)}" for name, value in config.items()]
    return "\n".join(lines) + "\n"


def _placed(data: DataSpec, root: Path | None) -> DataSpec:
    """The data in a given folder, absolute, or else below ``data/``, wherever the config will be used."""
    own = root.absolute() if root else datasets.get(data.dataset).default_root(Path("data"), data.preset, data.seed)
    return replace(data, root=own)


def _augmentation(method: Method, protocol: Protocol) -> dict[str, Any]:
    """The preprocessor of the method's modality, with what the protocol says of augmentation.

    Joints have no light, and their place in the picture is taken out, so of them only the flip is the protocol's.
    """
    if method.modality == "skeleton":
        return {"type": "SkeletonPreprocessor", "flip": protocol.flip}
    amounts = {name: getattr(protocol, name) for name in ("flip", "shift", "brightness")}
    return {"type": "ClipPreprocessor", **amounts}


def _leave_out_unseen(model: ModelConfig, method: Method, classes: Classes) -> None:
    """Has every loss over class scores read the seen classes alone.

    Raises:
        UserError: for a recognizer of which nothing says how.
    """
    if "unseen" in model:  # it leaves them out by itself
        return
    if "cls_head" not in model:
        raise UserError(
            f"{method.name} cannot train with unseen classes: its model has neither a `cls_head` of MMAction2's nor "
            "the argument `unseen`; leave it out, or leave unseen at 0"
        )
    loss = {"type": "SeenCrossEntropy", "num_classes": classes.count, "unseen": list(classes.unseen)}
    model["cls_head"]["loss_cls"] = loss
    if "aux_head_cfg" in model.get("neck", {}):
        model["neck"]["aux_head_cfg"]["loss_cls"] = loss


def _loader(method: Method, protocol: Protocol, data: DataSpec, split: Split, seed: int) -> dict[str, Any]:
    training, own = split == "train", data.of_split(split)
    regime: dict[str, Any] = {}
    if protocol.regime != Regime() and not (data.trained_on and split == "test"):  # no regime changes a test split
        regime = {"regime": asdict(protocol.regime), "seed": seed, **({"scored": False} if data.trained_on else {})}
    sampler = {"type": "DefaultSampler", "shuffle": training, "round_up": training}
    if training and protocol.sampling == "class_balanced":
        sampler = {"type": "ClassBalancedSampler"}
    return {
        "batch_size": protocol.batch_size // (protocol.accumulate if training else 1),
        "num_workers": 0,
        "sampler": sampler,
        "dataset": {
            "type": "SkeletonDataset" if method.modality == "skeleton" else "ClipDataset",
            "dataset": own.dataset,
            "root": str(own.root),
            "split": split,
            "preset": own.preset,
            "data_seed": own.seed,
            "num_frames": protocol.num_frames,
            "image_size": protocol.image_size,
            "skip_bad": protocol.skip_bad,
            **regime,
        },
    }


def _optimizer(recipe: Recipe, accumulate: int) -> dict[str, Any]:
    """The recipe's optimizer; every ``accumulate`` batches make a step."""
    rates = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "fused": True}
    momentum = {"momentum": 0.9, "nesterov": True} if recipe.optimizer == "SGD" else {}
    return {
        "type": "OptimWrapper",
        "optimizer": {"type": recipe.optimizer, **rates, **momentum},
        "clip_grad": {"max_norm": recipe.clip_grad},
        "accumulative_counts": accumulate,
    }


def _schedule(warmup_epochs: float, epochs: int, steps: int | None) -> list[dict[str, Any]]:
    """Linear warm-up, then half a cosine to zero; both go by step, of which an epoch has ``steps``."""
    if steps is not None and int(warmup_epochs * steps) < 2:  # MMEngine divides by the steps but one
        warmup_epochs = 0
    common = {"by_epoch": True, "convert_to_iter_based": True}
    cosine = {
        "type": "CosineAnnealingLR",
        "eta_min": 0,
        "begin": warmup_epochs,
        "end": epochs,
        "T_max": epochs - warmup_epochs,
        **common,
    }
    if not warmup_epochs:
        return [cosine]
    return [{"type": "LinearLR", "start_factor": 0.01, "begin": 0, "end": warmup_epochs, **common}, cosine]
