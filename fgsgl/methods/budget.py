"""The training budget: how many epochs each method trains under a protocol. Imports no torch.

With ``--budget epochs`` that is the protocol's number. With ``--budget compute`` every method may spend the training
operations of FG-SGL, so that a cheap network trains for more epochs and a dear one for fewer.

A method's cost is that of one clip in one training step, forward and backward, read from
``baselines/costs.csv``. ``fgsgl methods --measure`` counts it on the network itself. Frozen layers count their
forward pass, and the gradient that passes through them where trained layers come before; trained layers count all. So a
linear probe costs one forward pass, LoRA about two, a network that is trained whole about three. Work of a step that
does not depend on the clips, such as reading the classes' text, is divided by 16 clips.

Neglected are the optimizer, augmentation, everything but convolutions, products of matrices and attention, validation
after each epoch, other numbers of classes and other batches than 16 clips, and the settings of a variant: all variants
of a method train equally long.
"""

from __future__ import annotations

from fgsgl.methods.costs import Costs, NetworkSetting, costs
from fgsgl.methods.method import Method
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError

REFERENCE = "fgsgl"
"""The method whose training sets the budget; it and its variants train for the protocol's epochs."""
MOST_TIMES = 20
"""Most epochs of a method, in multiples of the protocol's; the cheapest networks would get a hundred times as many."""


def epochs_of(method: Method, protocol: Protocol) -> int:
    """The epochs that a method trains for under a protocol; every use of that number comes from here.

    Raises:
        UserError: as :func:`budget_epochs`.
    """
    return budget_epochs(method, protocol) or protocol.epochs


def budget_epochs(method: Method, protocol: Protocol) -> int | None:
    """The epochs that cost the training operations of FG-SGL's, rounded to the nearest whole number: at least 1, at
    most ``MOST_TIMES`` as many. None: the budget is the protocol's epochs, or nothing is trained.

    Raises:
        UserError: where the cost of the method, or of FG-SGL, is not counted for the protocol's networks and clips.
    """
    if protocol.budget == "epochs" or method.recipe is None:
        return None
    share = _train_gflops(REFERENCE, protocol) / _train_gflops(method.name, protocol)
    return max(1, min(round(share * protocol.epochs), MOST_TIMES * protocol.epochs))


def _train_gflops(method: str, protocol: Protocol) -> float:
    counts, setting = costs(), NetworkSetting.of(protocol)
    found = counts.get((method, setting), Costs()).train_gflops
    if found is not None:
        return found
    known = [str(one) for (name, one), count in counts.items() if name == REFERENCE and count.train_gflops]
    if str(setting) in known:
        raise UserError(
            f"--budget compute needs the cost of training {method}, which was never counted; count it by `fgsgl "
            "methods --measure`, leave the method out, or use --budget epochs"
        )
    raise UserError(
        f"--budget compute goes by counted costs, and there are none for {setting}; expected one of: "
        f"{'; '.join(known) or 'none'}; or use --budget epochs"
    )
