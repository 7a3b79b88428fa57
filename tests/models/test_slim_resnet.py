"""The slim convolutional backbone inside MMAction2's TSN and TSM."""

from __future__ import annotations

import pytest
import torch
from mmaction.models.backbones.resnet_tsm import TemporalShift
from safetensors.torch import save_file
from timm.models.resnet import ResNet

from fgsgl.models.baselines.slim_resnet import ChannelsLastShift, SlimResNet, feature_channels
from fgsgl.util.errors import UserError


def recognizer(head: str, **backbone):
    from mmaction.registry import MODELS
    from mmaction.structures import ActionDataSample

    import fgsgl.models.autocast  # noqa: F401 (registers nothing of ours that is needed; keeps the import order real)

    settings = {"type": head, "num_classes": 5, "in_channels": feature_channels(), "average_clips": "prob"}
    if head == "TSMHead":
        settings |= {"num_segments": 4}
    model = MODELS.build(
        {
            "type": "mmaction.Recognizer2D",
            "backbone": {"type": "mmaction.SlimResNet", **backbone},
            "cls_head": settings,
            "data_preprocessor": {"type": "mmaction.ActionDataPreprocessor"},
        }
    )
    samples = [ActionDataSample().set_gt_label(label) for label in (1, 3)]
    return model, samples


@pytest.mark.parametrize(("head", "shift"), [("TSNHead", False), ("TSMHead", True)])
def test_it_trains_in_mmaction2s_recognizer(head: str, shift: bool) -> None:
    torch.manual_seed(0)
    model, samples = recognizer(head, num_segments=4, shift=shift)
    model.train()
    losses = model(torch.randn(2, 4, 3, 64, 64), samples, mode="loss")
    losses["loss_cls"].backward()
    gradients = [value.grad for value in model.parameters() if value.requires_grad]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)
    predicted = model.eval()(torch.randn(2, 4, 3, 64, 64), samples, mode="predict")
    assert predicted[0].pred_score.shape == (5,)


def test_the_shift_is_mmaction2s_in_both_directions_and_stays_channels_last() -> None:
    frames_NCHW = torch.randn(8, 16, 3, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    weight_NCHW = torch.randn(8, 16, 3, 5)
    ours_NCHW, theirs_NCHW = (kind.shift(frames_NCHW, 4, 8) for kind in (ChannelsLastShift, TemporalShift))
    assert torch.equal(ours_NCHW, theirs_NCHW)
    assert ours_NCHW.is_contiguous(memory_format=torch.channels_last)
    ours, theirs = (torch.autograd.grad(one, frames_NCHW, weight_NCHW)[0] for one in (ours_NCHW, theirs_NCHW))
    torch.testing.assert_close(ours, theirs)  # theirs subtracts a number from itself


def test_pooling_before_the_relu_changes_no_number() -> None:
    torch.manual_seed(0)
    net = SlimResNet().train()
    frames_NCHW = torch.randn(4, 3, 64, 64)
    features = [net.forward_features(frames_NCHW), ResNet.forward_features(net, frames_NCHW)]
    assert torch.equal(*features)
    gradients = [torch.autograd.grad(one.square().sum(), net.parameters(), allow_unused=True) for one in features]
    torch.testing.assert_close(*gradients)


def test_only_the_shift_lets_frames_see_each_other() -> None:
    torch.manual_seed(0)
    plain = SlimResNet().eval()
    for stage in (plain.layer1, plain.layer2, plain.layer3, plain.layer4):
        torch.nn.init.ones_(stage[0].bn2.weight)  # timm starts every block as the identity
    shifted = SlimResNet(num_segments=4, shift=True).eval()
    shifted.load_state_dict(
        {
            name.replace("conv1.", "conv1.net.") if "layer" in name else name: value
            for name, value in plain.state_dict().items()
        }
    )
    frames_NCHW = torch.randn(4, 3, 64, 64)
    changed_NCHW = frames_NCHW.clone()
    changed_NCHW[3] += 1
    with torch.no_grad():
        assert torch.equal(plain(frames_NCHW)[2], plain(changed_NCHW)[2])
        assert not torch.allclose(shifted(frames_NCHW)[2], shifted(changed_NCHW)[2])
        assert plain(frames_NCHW).shape == (4, feature_channels(), 4, 4)


def test_loaded_weights_survive_mmengines_initialisation(tmp_path) -> None:
    torch.manual_seed(1)
    source = SlimResNet()
    save_file(
        {name: value.half() for name, value in source.state_dict().items() if value.ndim}, tmp_path / "w.safetensors"
    )
    model, _ = recognizer("TSNHead", pretrained=str(tmp_path / "w.safetensors"))
    model.init_weights()
    torch.testing.assert_close(model.backbone.conv1.weight, source.conv1.weight, rtol=1e-3, atol=1e-4)


def test_the_committed_weights_load() -> None:
    torch.manual_seed(2)
    assert not torch.equal(SlimResNet(pretrained="synmg-slim").conv1.weight, SlimResNet().conv1.weight)


@pytest.mark.parametrize("fault", ["missing", "garbage", "another"])
def test_bad_weights_are_named(tmp_path, fault: str) -> None:
    path = tmp_path / "bad.safetensors"
    if fault == "garbage":
        path.write_bytes(b"no tensors here")
    elif fault == "another":
        save_file({"head.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(UserError, match=r"bad\.safetensors"):
        SlimResNet(pretrained=str(path))
