"""Imports every module that registers a model, data set, sampler, preprocessor or hook with MMAction2."""

import fgsgl.mmaction.class_balanced_sampler
import fgsgl.mmaction.datasets
import fgsgl.mmaction.epoch_seed
import fgsgl.models.baselines.adapters
import fgsgl.models.baselines.from_tower
import fgsgl.models.baselines.frozen_tower
import fgsgl.models.baselines.inflated
import fgsgl.models.baselines.label_embedding
import fgsgl.models.baselines.mmaction_fixes
import fgsgl.models.baselines.recognizers
import fgsgl.models.baselines.seen_heads
import fgsgl.models.baselines.skeleton
import fgsgl.models.baselines.slim_resnet
import fgsgl.models.baselines.tuned_tower
import fgsgl.models.baselines.xclip
import fgsgl.models.fgsgl.calibration_hook
import fgsgl.models.fgsgl.recognizer
import fgsgl.models.preprocess_clips
import fgsgl.models.preprocess_skeletons  # noqa: F401
