"""The vision-language tower: loading, weights, LoRA, temporal encoder, checkpoints."""
