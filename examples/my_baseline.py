"""A baseline of your own: copy this file to ``baselines/`` under the method's name, and `fgsgl methods` lists it.

TSN on a network of MMAction2's that the suite does not use. `fgsgl check-method my_baseline` holds it against what
every method promises.
"""

from fgsgl.methods.method import Classes, Method, ModelConfig, Settings
from fgsgl.methods.recipes import RECIPES
from fgsgl.records.protocol import Protocol


def _model(protocol: Protocol, classes: Classes, settings: Settings) -> ModelConfig:
    return {
        "type": "AutocastRecognizer2D",  # MMAction2's Recognizer2D, computing in bf16 where the device does
        "data_preprocessor": {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)},
        "backbone": {"type": "MobileNetV2"},
        "cls_head": {
            "type": "TSNHead",
            "in_channels": 1280,
            "num_classes": classes.count,
            "dropout_ratio": settings["dropout"],
            "average_clips": "prob",
        },
    }


METHOD = Method(
    name="my_baseline",  # as the file
    display_name="TSN, MobileNetV2",
    paper="Sandler et al. 2018, arXiv 1801.04381",
    settings={"dropout": 0.4},  # what `--set` and searches may change
    recipe=RECIPES["scratch cnn"],  # optimizer and learning rate: fgsgl methods --recipes lists them
    model=_model,
)
