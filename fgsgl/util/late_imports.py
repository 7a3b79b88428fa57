"""Imports that the stack makes at once and hardly ever uses, put off until they are needed.

``apply()`` imports MMEngine, MMAction2, torchvision and open_clip without them, which halves the time that a cell's
process spends on imports. A name that was put off is a :class:`Late`: its first use imports the real one. Packages that
are imported already stay as they are.
"""

from __future__ import annotations

import functools
import gc
import importlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

UNUSED_BY_MMENGINE = {
    "mmengine.optim.optimizer.zero_optimizer": ("ZeroRedundancyOptimizer",),
    "mmengine.model.wrappers.fully_sharded_distributed": ("MMFullyShardedDataParallel",),
    "mmengine._strategy.fsdp": ("FSDPStrategy",),
}
"""Sharding over many GPUs, for which PyTorch imports sympy. A config names these by their whole path."""
UNUSED_BY_TORCHVISION = {"torch._dynamo.utils": ("is_compile_supported",)}
"""The compiler, which only ``torch.compile`` needs. PyTorch's optimizers and a decorator import it, too."""
UNUSED_BY_FLOP_COUNTER = {"triton.runtime.jit": ("JITFunction",)}
"""Kernels of one's own."""
UNUSED_BY_MMACTION = {"scipy.stats": ("mode",)}
"""The augmentation of skeletons, which is not ours."""
UNUSED_BY_OPEN_CLIP = {
    "wcwidth": ("wcswidth", "wcwidth"),
    "huggingface_hub.hf_api": ("HfApi", "model_info"),
}
"""The width of characters on a terminal, and the client of a model hub beyond its downloads."""


class Late:
    """A name in a module that is imported when the name is first called, derived from, looked into or tested against.

    Args:
        module: the module's full name.
        name: the name in it.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def _real(self) -> Any:
        return getattr(importlib.import_module(self._module), self._name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the interpreter and inspect ask of every object
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __mro_entries__(self, bases: tuple) -> tuple:
        return (self._real(),)

    def __instancecheck__(self, instance: object) -> bool:
        real = getattr(sys.modules.get(self._module), self._name, None)
        return isinstance(real, type) and isinstance(instance, real)


@contextmanager
def put_off(modules: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Packages that are imported in the block get a :class:`Late` for each name of a module that is not loaded yet."""
    stand_ins = {module: types.ModuleType(module) for module in modules if module not in sys.modules}
    for module, stand_in in stand_ins.items():
        for name in modules[module]:
            setattr(stand_in, name, Late(module, name))
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for module, stand_in in stand_ins.items():
            if sys.modules.get(module) is stand_in:
                del sys.modules[module]


@contextmanager
def compiler_put_off() -> Iterator[None]:
    """Functions that are marked in the block as not to be compiled do not import the compiler for it."""
    import torch

    disable = torch.compiler.disable
    # PyTorch's own, which imports at the function's first call
    torch.compiler.disable = torch._disable_dynamo  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.compiler.disable = disable


def _uncompiled(function: Callable) -> Callable:
    """The function as long as nothing is compiled, and what PyTorch makes of it from then on."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if "torch._dynamo" not in sys.modules:
            return function(*args, **kwargs)
        import torch

        setattr(function, _CACHED, torch._dynamo.disable(function, wrapping=False))
        return getattr(function, _CACHED)(*args, **kwargs)

    return call


_CACHED = "__dynamo_disable"
"""Where ``torch._disable_dynamo`` keeps what it calls in a function's place; to fill it, it imports the compiler."""


def _grad_mode_kept(step: Any) -> Callable:
    """An optimizer's step, without telling the compiler where there is none that what follows is another graph."""

    @functools.wraps(step)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if "torch._dynamo" in sys.modules:
            return step(self, *args, **kwargs)
        import torch

        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return step.__wrapped__(self, *args, **kwargs)

    return call


def optimizers_without_compiler() -> None:
    """Optimizers step without importing the compiler, which takes two seconds, as long as nobody else imports it."""
    from torch.optim import SGD, Adam, Optimizer

    _leave_uncompiled(Optimizer.add_param_group, Optimizer.zero_grad, Optimizer.state_dict, Optimizer.load_state_dict)
    for optimizer in (SGD, Adam):
        if optimizer.step.__code__.co_name == "_use_grad":
            optimizer.step = _grad_mode_kept(optimizer.step)  # type: ignore[method-assign]


def _leave_uncompiled(*marked: Callable) -> None:
    """Functions that PyTorch marks as not to be compiled do not import the compiler when they are called."""
    for function in marked:
        inner = getattr(function, "__wrapped__", None)
        if inner is not None:
            vars(inner).setdefault(_CACHED, _uncompiled(inner))


def eager() -> AbstractContextManager:
    """Nothing runs compiled in the block. Where nothing is compiled, the compiler is not imported for it."""
    import torch

    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


def apply() -> None:
    """Imports MMEngine, MMAction2, torchvision and open_clip without what is put off.

    The garbage collector pauses meanwhile: it would search a million new objects again and again, and find nothing.
    """
    gc.disable()
    try:
        with put_off(UNUSED_BY_MMENGINE):
            import mmengine.runner  # noqa: F401
        with put_off(UNUSED_BY_TORCHVISION):
            import torchvision.ops  # noqa: F401
        with put_off(UNUSED_BY_OPEN_CLIP), compiler_put_off():
            import open_clip  # noqa: F401
        with put_off(UNUSED_BY_MMACTION):
            import mmaction.datasets  # noqa: F401
        with put_off(UNUSED_BY_FLOP_COUNTER):
            from torch.utils.flop_counter import _FlopCounterMode
        _leave_uncompiled(_FlopCounterMode.__torch_dispatch__)
        optimizers_without_compiler()
    finally:
        gc.enable()
