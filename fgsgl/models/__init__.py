"""FG-SGL as an MMAction2 recognizer, and the networks around it. Knows tensors; knows nothing of experiments."""
