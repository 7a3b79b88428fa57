"""Cures that MMAction2 1.2.0 and MMEngine 0.10.7 need on today's PyTorch: one a breakage, each with its symptom.

``apply()`` runs before the first import of ``mmaction.models``; a cure does nothing where it is not needed.
``fgsgl doctor`` prints the table.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from importlib import metadata
from pathlib import Path
from typing import Any

from fgsgl.util import downloads
from fgsgl.util.checkpoint_file import read_checkpoint
from fgsgl.util.files import write_whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Breakage:
    """One known breakage of the stack: when it applies, and the cure."""

    name: str
    symptom: str
    applies: Callable[[], bool]
    cure: Callable[[], None]


def _drn_missing() -> bool:
    spec = importlib.util.find_spec("mmaction")
    folders = spec.submodule_search_locations if spec else None
    return not folders or not (Path(folders[0]) / "models/localizers/drn").is_dir()


def _stub_drn() -> None:
    package = types.ModuleType("mmaction.models.localizers.drn")
    package.__path__ = []
    module = types.ModuleType("mmaction.models.localizers.drn.drn")
    vars(module)["DRN"] = None
    sys.modules.setdefault(package.__name__, package)
    sys.modules.setdefault(module.__name__, module)


def _transformers_too_new() -> bool:
    return importlib.util.find_spec("transformers") is not None


def _without_multimodal() -> None:
    import mmaction.utils.dependency as dependency

    dependency.WITH_MULTIMODAL = False


def _history_needs_pickle() -> bool:
    from mmengine.logging import HistoryBuffer

    return "__reduce__" not in vars(HistoryBuffer)


def _history_as_plain_data() -> None:
    """Log histories are written as plain lists, so that a resumed checkpoint loads with ``weights_only=True``.

    Allow-listing what MMEngine pickles as it stands would include ``getattr``, which a hostile file could use. NumPy
    numbers, which validation results are, need their constructor and their types.
    """
    import numpy
    import torch
    from mmengine.logging import HistoryBuffer
    from numpy._core import multiarray

    def reduce(self: HistoryBuffer) -> tuple:
        history, count = self.data
        return HistoryBuffer, (history.tolist(), count.tolist(), self.max_length)

    HistoryBuffer.__reduce__ = reduce
    numbers: list[Any] = [numpy.dtype, numpy.dtypes.Float64DType, numpy.dtypes.Int64DType, multiarray.scalar]
    torch.serialization.add_safe_globals([HistoryBuffer, *numbers])


def _checkpoints_run_code() -> bool:
    from mmengine.runner import CheckpointLoader

    return CheckpointLoader._schemes[""] is not load_from_file


def _checkpoints_as_plain_data() -> None:
    """MMEngine's loader reads files by our own reader, and asks the network for nothing unless that is allowed.

    Its own leaves it to an environment variable whether a file may run code, its download of a URL always lets it, and
    ``Runner.resume`` executes the text of a config that it finds in a checkpoint.
    """
    from mmengine.fileio import LocalBackend, register_backend
    from mmengine.fileio.io import backend_instances
    from mmengine.runner import CheckpointLoader, checkpoint
    from torch.utils import model_zoo

    class WholeFiles(LocalBackend):
        """Writes a file whole or not at all, checkpoints above all."""

        def put(self, obj: bytes, filepath: str | Path) -> None:
            write_whole(Path(filepath), obj)

    register_backend("local", WholeFiles, force=True, prefixes="")
    backend_instances.clear()
    checkpoint.load_url = partial(model_zoo.load_url, weights_only=True)
    for prefix, load in list(CheckpointLoader._schemes.items()):
        ours = _asking_first(load) if prefix else load_from_file
        CheckpointLoader.register_scheme(prefix, ours, force=True)


def load_from_file(filename: str, map_location: Any) -> dict[str, Any]:
    return read_checkpoint(Path(filename).expanduser(), map_location or "cpu")


def _asking_first(load: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(load)  # MMEngine logs its name
    def load_if_allowed(filename: str, map_location: Any) -> Any:
        downloads.require(f"the checkpoint {filename!r:.200}")
        return load(filename, map_location)

    return load_if_allowed


def _no_pkg_resources() -> bool:
    return importlib.util.find_spec("pkg_resources") is None


def _stub_pkg_resources() -> None:
    """MMEngine asks it two things: whether a distribution is installed, and where."""
    module = types.ModuleType("pkg_resources")
    vars(module).update(DistributionNotFound=metadata.PackageNotFoundError, get_distribution=metadata.distribution)
    sys.modules.setdefault("pkg_resources", module)


def _numpy_without_inf() -> bool:
    import numpy

    return not hasattr(numpy, "Inf")


def _restore_inf() -> None:
    import numpy

    vars(numpy)["Inf"] = numpy.inf


def _head_takes_bf16() -> bool:
    from mmaction.models.heads.base import BaseHead

    return not getattr(BaseHead.loss_by_feat, "takes_bf16", False)


def _scores_as_float() -> None:
    from mmaction.models.heads.base import BaseHead

    original = BaseHead.loss_by_feat

    def loss_by_feat(self: BaseHead, cls_scores, data_samples):
        return original(self, cls_scores.float(), data_samples)

    vars(loss_by_feat)["takes_bf16"] = True
    BaseHead.loss_by_feat = loss_by_feat


def _uniformerv2_talks() -> bool:
    from mmaction.models.backbones import uniformerv2
    from mmengine.logging import MMLogger

    return isinstance(uniformerv2.logger, MMLogger)


def _quiet_uniformerv2() -> None:
    from mmaction.models.backbones import uniformerv2

    uniformerv2.logger = logging.getLogger(uniformerv2.__name__)


BREAKAGES = (
    Breakage(
        name="drn",
        symptom="No module named 'mmaction.models.localizers.drn' (left out of the wheel)",
        applies=_drn_missing,
        cure=_stub_drn,
    ),
    Breakage(
        name="transformers",
        symptom="cannot import name 'apply_chunking_to_forward' from 'transformers.modeling_utils'",
        applies=_transformers_too_new,
        cure=_without_multimodal,
    ),
    Breakage(
        name="pkg_resources",
        symptom="No module named 'pkg_resources' (gone since setuptools 82)",
        applies=_no_pkg_resources,
        cure=_stub_pkg_resources,
    ),
    Breakage(
        name="np.Inf",
        symptom="np.Inf was removed in the NumPy 2.0 release (PoseCompact)",
        applies=_numpy_without_inf,
        cure=_restore_inf,
    ),
    Breakage(
        name="weights_only",
        symptom="Weights only load failed ... HistoryBuffer (resume, load_from and test)",
        applies=_history_needs_pickle,
        cure=_history_as_plain_data,
    ),
    Breakage(
        name="code-in-checkpoints",
        symptom="Runner.resume executes the config text of a checkpoint; half a file after a kill while it is written",
        applies=_checkpoints_run_code,
        cure=_checkpoints_as_plain_data,
    ),
    Breakage(
        name="bf16-head",
        symptom="Got unsupported ScalarType BFloat16 (every head's loss under autocast)",
        applies=_head_takes_bf16,
        cure=_scores_as_float,
    ),
    Breakage(
        name="uniformerv2-log",
        symptom="Init zero for Conv in pos_emb (a hundred such lines when a UniFormerV2 is built)",
        applies=_uniformerv2_talks,
        cure=_quiet_uniformerv2,
    ),
)

_cured: dict[str, bool] = {}


def apply() -> dict[str, bool]:
    """Cures what needs it, in order; returns for each breakage whether it applied on this machine."""
    with warnings.catch_warnings():
        # Of an attention that nothing here uses, and that mmcv-lite never has.
        warnings.filterwarnings("ignore", "Fail to import ``MultiScaleDeformableAttention``")
        for breakage in BREAKAGES:
            if breakage.name not in _cured:
                _cured[breakage.name] = breakage.applies()
                if _cured[breakage.name]:
                    breakage.cure()
    return dict(_cured)
