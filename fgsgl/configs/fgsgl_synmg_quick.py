"""FG-SGL on synmg, preset quick, for MMAction2's own tools. Written by `fgsgl config`."""

custom_imports = {'imports': ['fgsgl.mmaction'], 'allow_failed_imports': False}
default_scope = 'mmaction'
model = {'type': 'FGSGL',
 'data_preprocessor': {'mean': (122.771, 116.746, 104.094),
                       'std': (68.501, 66.632, 70.323),
                       'type': 'ClipPreprocessor',
                       'flip': 0.5,
                       'shift': 0.06,
                       'brightness': 0.2},
 'num_classes': 17,
 'text': 'smg',
 'image_size': 112,
 'num_frames': 8,
 'tower': 'synmg-tiny',
 'pretrained': 'synmg-tiny',
 'tap': 'middle',
 'temporal': 'transformer',
 'temporal_pretrained': True,
 'lora': True,
 'lora_rank': 8,
 'lora_alpha': 16.0,
 'lora_targets': ['q', 'k', 'v', 'o', 'mlp'],
 'fgsa': True,
 'motion_difference': True,
 'guidance': True,
 'fine_from_video': False,
 'cpa': True,
 'head': 'text',
 'learned_prompts': True,
 'context_tokens': 4,
 'loss_category': 1.0,
 'loss_fine': 1.0,
 'fine_v2t': True,
 'fine_t2v': True,
 'schedule': 'coarse_to_fine',
 'multi_positive': True,
 'dimensions': ['part', 'onset', 'trajectory', 'outcome'],
 'dimension_weights': [],
 'text_control': 'true',
 'text_seed': 0,
 'fine_at_test': True,
 'label_smoothing': 0.0,
 'temperature': 0.07,
 'logit_scale_max': 100.0}
val_dataloader = {'batch_size': 16,
 'num_workers': 0,
 'sampler': {'type': 'DefaultSampler', 'shuffle': False, 'round_up': False},
 'dataset': {'type': 'ClipDataset',
             'dataset': 'synmg',
             'root': 'data/synmg/quick-seed0',
             'split': 'val',
             'preset': 'quick',
             'data_seed': 0,
             'num_frames': 8,
             'image_size': 112,
             'skip_bad': False}}
test_dataloader = {'batch_size': 16,
 'num_workers': 0,
 'sampler': {'type': 'DefaultSampler', 'shuffle': False, 'round_up': False},
 'dataset': {'type': 'ClipDataset',
             'dataset': 'synmg',
             'root': 'data/synmg/quick-seed0',
             'split': 'test',
             'preset': 'quick',
             'data_seed': 0,
             'num_frames': 8,
             'image_size': 112,
             'skip_bad': False}}
val_evaluator = {'type': 'AccMetric', 'metric_list': ('top_k_accuracy', 'mean_class_accuracy')}
test_evaluator = {'type': 'AccMetric', 'metric_list': ('top_k_accuracy', 'mean_class_accuracy')}
train_dataloader = {'batch_size': 16,
 'num_workers': 0,
 'sampler': {'type': 'DefaultSampler', 'shuffle': True, 'round_up': True},
 'dataset': {'type': 'ClipDataset',
             'dataset': 'synmg',
             'root': 'data/synmg/quick-seed0',
             'split': 'train',
             'preset': 'quick',
             'data_seed': 0,
             'num_frames': 8,
             'image_size': 112,
             'skip_bad': False}}
train_cfg = {'type': 'EpochBasedTrainLoop', 'max_epochs': 5, 'val_interval': 1}
optim_wrapper = {'type': 'OptimWrapper',
 'optimizer': {'type': 'AdamW', 'lr': 0.001, 'weight_decay': 0.01, 'fused': True},
 'clip_grad': {'max_norm': 1.0},
 'accumulative_counts': 1}
param_scheduler = [{'type': 'LinearLR',
  'start_factor': 0.01,
  'begin': 0,
  'end': 0.5,
  'by_epoch': True,
  'convert_to_iter_based': True},
 {'type': 'CosineAnnealingLR',
  'eta_min': 0,
  'begin': 0.5,
  'end': 5,
  'T_max': 4.5,
  'by_epoch': True,
  'convert_to_iter_based': True}]
val_cfg = {'type': 'ValLoop'}
test_cfg = {'type': 'TestLoop'}
default_hooks = {'timer': {'type': 'IterTimerHook'},
 'logger': {'type': 'LoggerHook', 'interval': 20, 'log_metric_by_epoch': True},
 'param_scheduler': {'type': 'ParamSchedulerHook'},
 'checkpoint': {'type': 'CheckpointHook', 'interval': 1, 'max_keep_ckpts': 2},
 'sampler_seed': {'type': 'DistSamplerSeedHook'}}
custom_hooks = [{'type': 'EpochSeedHook', 'seed': 0}, {'type': 'ProgressHook'}, {'type': 'CalibrateHook'}]
test_pipeline = [{'type': 'ReadClip', 'num_frames': 8, 'image_size': 112}]
env_cfg = {'cudnn_benchmark': False, 'mp_cfg': {'mp_start_method': 'fork', 'opencv_num_threads': 0}}
randomness = {'seed': 0}
log_level = 'INFO'
load_from = None
resume = False
work_dir = 'work_dirs/fgsgl-synmg-quick'
