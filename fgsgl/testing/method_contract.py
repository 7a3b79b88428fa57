"""The contract of every method, checked on four synthetic clips by `fgsgl check-method NAME` and by the tests.

A check is a function marked with ``@check``; its docstring is the promise. It returns what it found, and raises
:class:`BrokenPromise` if the promise does not hold. Shapes: B clips, K kept frames of a clip, C classes.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from mmaction.structures import ActionDataSample
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import get_state_dict, load_state_dict
from torch import Tensor, nn

import fgsgl.mmaction  # noqa: F401 (registers the recognizers)
from fgsgl.data.clip_table import PER_SEGMENT
from fgsgl.methods.method import Classes, Method, Recipe
from fgsgl.mmaction.build import build_recognizer
from fgsgl.mmaction.datasets import random_skeleton_batch
from fgsgl.models.baselines.seen_heads import close_heads
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.testing.finding import BrokenPromise, Finding
from fgsgl.training.cost import measure
from fgsgl.training.determinism import repeatable
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError

Batch = dict[str, Any]
LABELS = (0, 1, 2, 3)
CLASSES = Classes(count=17, text="smg")
OTHER_CLASSES = Classes(count=26, text="synmg")
IMAGE_SIZE = 64
ODD_SIZES = ((1, 64), (7, 64), (9, 64), (8, 34))
"""Frames and image sizes that fit few networks."""
STEPS = 80
"""Number of steps within which a method has to fit four clips."""
FITTED = 0.5
"""A method fits the clips once its loss is below this share of its first loss."""


class BuiltMethod:
    """The method under check, with its recognizer and a batch that several checks use.

    Args:
        method: a method with a recognizer.
        protocol: a protocol of SynMG.
        device: torch device.

    Raises:
        UserError: for a floor or ceiling, or a method that cannot run here.
    """

    def __init__(self, method: Method, protocol: Protocol, device: str = "cpu") -> None:
        if method.unavailable:
            raise UserError(f"{method.name} cannot run here: {method.unavailable}")
        if method.model is None:
            raise UserError(f"{method.name} is a {method.kind} and has no recognizer to check")
        init_default_scope("mmaction")
        MMLogger.get_current_instance().setLevel("ERROR")
        self.method, self.protocol, self.device = method, protocol, device
        self.batch = BATCHES[method.modality](self.protocol)
        self.model = self.build(seed=0)

    def build(self, seed: int, autocast: str = "none", classes: Classes = CLASSES) -> BaseModel:
        """The recognizer as it is at the start of a training."""
        torch.manual_seed(seed)
        standard = self.protocol.size == "standard"  # its weights do not ship; the shapes do not depend on them
        changes = {"pretrained": None} if standard and "pretrained" in self.method.settings else {}
        config = build_config(
            self.method, changes, self.protocol, seed, classes=classes, root=Path("data"), work_dir=Path("work")
        )
        for part in (config["model"], config["model"].get("cls_head", {})):
            if "tower" in part and self.protocol.backbone != synmg_tiny.NAME:
                part["pretrained"] = None
        model = build_recognizer({**config["model"], "autocast": autocast}, self.method.name)
        model.init_weights()
        close_heads(model, classes.count, classes.unseen)
        return model.to(self.device)

    @property
    def recipe(self) -> Recipe:
        """The recipe of a method that is trained."""
        assert self.method.recipe is not None
        return self.method.recipe

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The recipe's optimizer at its highest learning rate."""
        recipe = self.recipe
        weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if recipe.optimizer == "SGD":
            return torch.optim.SGD(weights, lr=recipe.lr, momentum=0.9, nesterov=True)
        return torch.optim.AdamW(weights, lr=recipe.lr, weight_decay=recipe.weight_decay)

    def step(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
        """One step on the four clips; returns the loss before it."""
        optimizer.zero_grad()
        loss = loss_of(model, self.batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), self.recipe.clip_grad)
        optimizer.step()
        return loss.item()


Check = Callable[[BuiltMethod], str]
CHECKS: list[tuple[Check, bool]] = []
"""Each check, and whether it applies only to methods that are trained."""


def check(trained: bool) -> Callable[[Check], Check]:
    """Marks a check; ``trained``: it applies only to methods with a recipe."""

    def mark(function: Check) -> Check:
        CHECKS.append((function, trained))
        return function

    return mark


def examine(method: Method, size: str, device: str = "cpu") -> Iterable[Finding]:
    """Every check that applies to a method, one after the other.

    Raises:
        UserError: as :class:`BuiltMethod`.
    """
    with repeatable(device):
        yield from _findings(BuiltMethod(method, default_protocol("synmg", size=size, image_size=IMAGE_SIZE), device))


def checks_of(method: Method) -> list[Check]:
    """The checks that apply to a method."""
    return [function for function, trained in CHECKS if method.recipe is not None or not trained]


def _findings(subject: BuiltMethod) -> Iterable[Finding]:
    for function in checks_of(subject.method):
        promise = function.__doc__ or ""
        try:
            yield Finding(check=function.__name__, promise=promise, ok=True, detail=function(subject))
        except BrokenPromise as broken:
            yield Finding(check=function.__name__, promise=promise, ok=False, detail=str(broken))


@check(trained=False)
def probabilities(subject: BuiltMethod) -> str:
    """Every clip gets a probability for each class; they sum to 1."""
    scores_BC = scores_of(subject.model, subject.batch["inputs"])
    if scores_BC.shape != (len(LABELS), CLASSES.count):
        raise BrokenPromise(f"scores of shape {tuple(scores_BC.shape)}, expected {(len(LABELS), CLASSES.count)}")
    if not scores_BC.isfinite().all() or (scores_BC < 0).any() or not _close(scores_BC.sum(1), torch.ones(len(LABELS))):
        raise BrokenPromise(f"scores from {scores_BC.min():.3g}, whose sums are {scores_BC.sum(1).tolist()}")
    return f"{CLASSES.count} classes"


@check(trained=False)
def batch_independence(subject: BuiltMethod) -> str:
    """Neither the order of a batch nor its size changes a prediction."""
    inputs = subject.batch["inputs"]
    together_BC = scores_of(subject.model, inputs)
    backwards_BC = scores_of(subject.model, inputs[::-1]).flip(0)
    alone_BC = torch.cat([scores_of(subject.model, [one]) for one in inputs])
    for name, other_BC in (("in another order", backwards_BC), ("one by one", alone_BC)):
        if not _close(together_BC, other_BC):
            raise BrokenPromise(f"{name}, probabilities differ by up to {(together_BC - other_BC).abs().max():.3g}")
    return "same probabilities"


@check(trained=False)
def label_blindness(subject: BuiltMethod) -> str:
    """A prediction does not depend on the clip's label."""
    inputs = subject.batch["inputs"]
    blind_BC = scores_of(subject.model, inputs)
    for labels in (LABELS, LABELS[::-1]):
        if not torch.equal(scores_of(subject.model, inputs, labels), blind_BC):
            raise BrokenPromise("the probabilities change with the labels that the clips carry")
    return "same probabilities"


@check(trained=False)
def same_seed(subject: BuiltMethod) -> str:
    """The same seed gives the same recognizer and the same probabilities."""
    again, other = subject.build(seed=0), subject.build(seed=1)
    if not torch.equal(scores_of(again, subject.batch["inputs"]), scores_of(subject.model, subject.batch["inputs"])):
        raise BrokenPromise("two recognizers of one seed predict differently")
    ours, theirs = (dict(model.named_parameters()) for model in (again, other))
    trained = [name for name, value in ours.items() if value.requires_grad]
    drawn = sum(not torch.equal(ours[name], theirs[name]) for name in trained)
    return f"{len(trained)} trained tensors, {drawn} of them start elsewhere with another seed"


@check(trained=False)
def bf16(subject: BuiltMethod) -> str:
    """In bf16 the probabilities stay close to those in fp32."""
    half = subject.build(seed=0, autocast="bf16")
    scores_BC = scores_of(half, subject.batch["inputs"])
    apart = (scores_BC - scores_of(subject.model, subject.batch["inputs"])).abs().max().item()
    if not math.isfinite(apart) or apart > 0.1:
        raise BrokenPromise(f"probabilities differ by up to {apart:.3g}, expected at most 0.1")
    if subject.method.recipe:
        loss = loss_of(half, subject.batch)
        loss.backward()
        if not loss.isfinite() or not all(_finite(parameter.grad) for parameter in half.parameters()):
            raise BrokenPromise(f"loss {loss.item():.3g}, and a gradient that is not finite")
    return f"within {apart:.3g}"


@check(trained=False)
def limits(subject: BuiltMethod) -> str:
    """Frames and image sizes that it cannot take are refused before it sees a clip; it takes all others."""
    taken = []
    sizes = ODD_SIZES if subject.method.modality == "rgb" else [(frames, IMAGE_SIZE) for frames, _ in ODD_SIZES]
    for frames, side in sizes:
        protocol = dataclasses.replace(subject.protocol, num_frames=frames, image_size=side)
        try:
            odd = BuiltMethod(subject.method, protocol, subject.device)
        except UserError:
            continue
        try:
            scores_BC = scores_of(odd.model, odd.batch["inputs"][:2])
        except (RuntimeError, ValueError, AssertionError, IndexError) as error:
            raise BrokenPromise(f"{frames} frames of {side} pixels: {' '.join(str(error).split())[:200]}") from None
        if not scores_BC.isfinite().all():
            raise BrokenPromise(f"{frames} frames of {side} pixels give scores that are not finite")
        taken.append(f"{frames} x {side} px")
    return f"takes {', '.join(taken) or 'none of the odd ones'}"


@check(trained=False)
def cost(subject: BuiltMethod) -> str:
    """Parameters and operations are counted."""
    found = measure(subject.model, subject.batch)
    parameters = list(subject.model.parameters())
    count = sum(parameter.numel() for parameter in parameters)
    trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    gflops = found.gflops or 0.0
    if not count or not gflops > 0 or (subject.method.recipe and not trained):
        raise BrokenPromise(f"{count} parameters, {trained} of them trained, {gflops} GFLOPs a clip")
    return f"{count / 1e6:.2f} M parameters ({trained / 1e6:.2f} trained), {gflops:.2f} GFLOPs at 64 px"


@check(trained=True)
def resuming(subject: BuiltMethod) -> str:
    """A checkpoint, loaded into a fresh recognizer, gives the same next step."""
    first = subject.build(seed=0)
    optimizer = subject.optimizer(first)
    subject.step(first, optimizer)
    file = io.BytesIO()
    torch.save({"model": get_state_dict(first), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    second = subject.build(seed=1)
    load_state_dict(second, saved["model"], strict=False)
    resumed = subject.optimizer(second)
    resumed.load_state_dict(saved["optimizer"])
    losses = []
    for model, with_optimizer in ((first, optimizer), (second, resumed)):
        torch.manual_seed(5)
        subject.step(model, with_optimizer)
        torch.manual_seed(6)
        losses.append(loss_of(model, subject.batch).item())
    if not math.isclose(*losses, rel_tol=1e-5):
        apart = f"{losses[0]:.6g}, but {losses[1]:.6g}"
        raise BrokenPromise(f"after the next step the loss is {apart} where it was resumed")
    return f"{file.tell() / 2**20:.1f} MiB"


@check(trained=True)
def any_labels(subject: BuiltMethod) -> str:
    """The loss is finite for any labels, even if all are of one class."""
    for labels in (LABELS[::-1], (CLASSES.count - 1,) * len(LABELS), (5, 5, 2, 2)):
        loss = loss_of(subject.model, {**subject.batch, "data_samples": _samples(labels)})
        if not loss.isfinite():
            raise BrokenPromise(f"the loss of labels {labels} is {loss.item()}")
    return "three sets of labels"


@check(trained=True)
def learning(subject: BuiltMethod) -> str:
    """Finite gradients reach every trained parameter, and a few steps of the recipe fit one batch."""
    model = subject.build(seed=0)
    optimizer, unreached, first = subject.optimizer(model), None, None
    for step in range(1, STEPS + 1):
        loss = subject.step(model, optimizer)
        first = first or loss
        trained = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
        if not math.isfinite(loss) or not all(_finite(gradient) for gradient in trained.values()):
            raise BrokenPromise(f"step {step}: loss {loss:.3g}, and a gradient that is not finite")
        idle = {name for name, gradient in trained.items() if gradient is None or not gradient.any()}
        unreached = idle if unreached is None else unreached & idle
        if loss < FITTED * first and not unreached:
            return f"loss {first:.3g} to {loss:.3g} in {step} steps"
    if unreached:
        raise BrokenPromise(f"no gradient reaches {len(unreached)} parameter(s): {', '.join(sorted(unreached)[:3])}")
    raise BrokenPromise(f"the loss is {loss:.3g} after {STEPS} steps, and was {first:.3g}")


@check(trained=True)
def unseen_classes(subject: BuiltMethod) -> str:
    """With classes held out, no loss trains their rows, and only a method that reads class text can name them."""
    unseen = tuple(range(len(LABELS), CLASSES.count, 2))
    try:
        model = subject.build(seed=0, classes=dataclasses.replace(CLASSES, unseen=unseen))
    except UserError as error:
        raise BrokenPromise(str(error)) from None
    loss = loss_of(model, subject.batch)
    loss.backward()
    if not loss.isfinite():
        raise BrokenPromise(f"the loss is {loss.item()}")
    trained = [
        name
        for name, weight in model.named_parameters()
        if weight.grad is not None and weight.shape[:1] == (CLASSES.count,) and weight.grad[list(unseen)].any()
        if not name.startswith(("backbone.", "tower."))  # whose tokens may be as many
    ]
    if trained:
        raise BrokenPromise(f"the loss trains the unseen classes' rows of {', '.join(trained[:3])}")
    named = scores_of(model, subject.batch["inputs"])[:, list(unseen)] > 0
    by_text = "combined" in subject.method.text_scores(subject.method.resolve({}))
    if by_text != named.any():
        raise BrokenPromise(f"its text_scores {'have' if by_text else 'lack'} `combined`, but unseen classes "
                            f"{'never' if by_text else 'do'} get a probability")  # fmt: skip
    return f"{len(unseen)} unseen classes, {'named by their text' if by_text else 'which it cannot name'}"


@check(trained=True)
def other_classes(subject: BuiltMethod) -> str:
    """None of the weights belongs to a class, where the method is said to know other classes by their text."""
    if not subject.method.knows_by_text({}):
        return "it knows the classes that it was trained on alone"
    own, other = (
        {name: value.shape for name, value in subject.build(seed=0, classes=classes).state_dict().items()}
        for classes in (CLASSES, OTHER_CLASSES)
    )
    apart = sorted(name for name in own.keys() | other.keys() if own.get(name) != other.get(name))
    if apart := [name for name in apart if name != "identity"]:
        raise BrokenPromise(
            f"its text_scores have `combined`, but the shape of {', '.join(apart[:3])} follows the classes; say so by "
            "`rows`"
        )
    return f"{len(own)} weights fit {CLASSES.count} and {OTHER_CLASSES.count} classes"


def loss_of(model: BaseModel, batch: Batch) -> Tensor:
    """The loss of a batch, without augmentation."""
    model.train()
    losses = model(**model.data_preprocessor(batch, training=False), mode="loss")
    return model.parse_losses(losses)[0]


@torch.no_grad()
def scores_of(model: BaseModel, inputs: Sequence[Tensor], labels: Sequence[int] | None = None) -> Tensor:
    """``scores_BC`` of some clips; without labels, their samples are empty."""
    samples = [ActionDataSample() for _ in inputs] if labels is None else _samples(labels)
    answered = model.eval().test_step({"inputs": list(inputs), "data_samples": samples})
    return torch.stack([sample.pred_score.float().cpu() for sample in answered])


def _frames_batch(protocol: Protocol) -> Batch:
    """Four clips of noise around different greys; each drifts by its own number of pixels a frame."""
    generator = torch.Generator().manual_seed(0)
    side, kept = protocol.image_size, protocol.num_frames * PER_SEGMENT
    inputs = []
    for index in range(len(LABELS)):
        picture_HWC = 40 + 45 * index + 40 * torch.rand(side, side, 3, generator=generator)
        inputs.append(torch.stack([picture_HWC.roll((index - 1) * frame, 1) for frame in range(kept)]).byte())
    return {"inputs": inputs, "data_samples": _samples(LABELS)}


def _skeleton_batch(protocol: Protocol) -> Batch:
    return random_skeleton_batch(protocol.dataset, protocol.num_frames, LABELS, preset=protocol.preset)


BATCHES: dict[str, Callable[[Protocol], Batch]] = {"rgb": _frames_batch, "skeleton": _skeleton_batch}
"""By modality: a batch as the loader gives it."""


def _samples(labels: Sequence[int]) -> list[ActionDataSample]:
    return [ActionDataSample().set_gt_label(label) for label in labels]


def _finite(gradient: Tensor | None) -> bool:
    return gradient is None or bool(gradient.isfinite().all())


def _close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, atol=1e-4)
