"""Measure training speed from JPEG files: images per second and the share of time spent waiting for data.

Our networks train in fp32, with channels last, and in bf16. We also compare a typical tutorial pipeline with ours.
"""
import tempfile
from pathlib import Path

SKIMAGE = 'a tutorial U-Net on ResNet18 with scikit-image in the loader'


def tutorial_learner(files, size, bs):
    "Build a DynamicUnet on an untrained ResNet18. PIL and scikit-image resize and convert photos one by one."
    import numpy as np
    import torch
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner
    from fastai.optimizer import Adam
    from fastai.torch_core import default_device
    from fastai.vision.learner import create_body
    from fastai.vision.models.unet import DynamicUnet
    from PIL import Image
    from skimage.color import rgb2lab
    from torchvision.models import resnet18

    class Photos(torch.utils.data.Dataset):
        def __len__(self): return len(files)
        def __getitem__(self, i):
            photo = Image.open(files[i]).convert('RGB').resize((size, size), Image.BICUBIC)
            if np.random.rand()<.5: photo = photo.transpose(Image.FLIP_LEFT_RIGHT)
            lab = torch.from_numpy(rgb2lab(np.asarray(photo)).astype('float32')).permute(2, 0, 1)
            return lab[:1]/50-1, lab[1:]/110

    loader = DataLoader(Photos(), bs=bs, shuffle=True, drop_last=True, device=default_device())
    body = create_body(resnet18(), n_in=1, pretrained=False, cut=-2)
    return Learner(DataLoaders(loader, loader), DynamicUnet(body, 2, (size, size)), torch.nn.functional.l1_loss, opt_func=Adam)


def our_learner(arch, files, size, bs, variant='fp32'):
    "Build a `colorize_learner` in one of the `variants`."
    from fastai.callback.channelslast import ChannelsLast
    from colorize_nb.data.folder import ColorizeDataLoaders
    from colorize_nb.train.learner import colorize_learner
    dls = ColorizeDataLoaders.from_files(files, size=size, bs=bs, valid_pct=.05, augment='flip')
    learn = colorize_learner(dls, arch, metrics=[])
    if variant=='channels last': learn.add_cb(ChannelsLast())
    if variant=='bf16': learn.add_cb(in_bf16())
    return learn


def in_bf16():
    "Return a callback that runs the network and the loss under autocast to bfloat16."
    import torch
    from fastai.callback.core import Callback
    class Bf16(Callback):
        order = 10
        def before_batch(self):
            self.cast = torch.autocast(torch.device(self.dls.device).type, torch.bfloat16)
            self.cast.__enter__()
        def after_loss(self): self.cast.__exit__(None, None, None)
    return Bf16()


def variants():
    "Return the variants to measure. Skips bf16 on CPUs without instructions for it, where it's many times slower."
    import torch
    able = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
    return ('fp32', 'channels last', *['bf16']*able)


def timed(learn, seconds):
    "Train for some seconds; returns images per second, the share of waiting time, and the number of steps."
    from colorize_nb.train.callbacks import DataTimer
    timer = DataTimer(warmup=1, seconds=seconds)
    with learn.no_bar(), learn.no_logging(): learn.fit(1000, 1e-3, cbs=timer)
    return {'images/s': float(timer.images_per_s), 'waiting for data': f'{timer.wait_share:.1%}', 'steps': timer.steps}


def bench_train(archs=('unet_compact','unet_lite','unet_resnet34'), size=128, bs=16, seconds=8):
    "Return rows for `make bench`: the training speed of each network and variant."
    from colorize_nb.data.folder import crop_photos
    from colorize_nb.core.photo import find_photos
    rows = []
    with tempfile.TemporaryDirectory() as tmp:
        files = find_photos([crop_photos(Path(tmp)/'photos', n=256, size=256)])
        for arch in archs:
            for variant in variants():
                found = timed(our_learner(arch, files, size, bs, variant), seconds)
                if variant=='fp32': first = found['images/s']
                rows.append({'what': f'train {arch}, {size} px, {variant}', **found, 'x fp32': found['images/s']/first})
        theirs = timed(tutorial_learner(files, 256, 4), 2*seconds)
        rows.append({'what': f'train {SKIMAGE}, 256 px', **theirs})
        for arch in ('unet_resnet18', 'unet_lite'):
            ours = timed(our_learner(arch, files, 256, 4), 2*seconds)
            rows.append({'what': f'train {arch}, 256 px', **ours, 'x tutorial': ours['images/s']/theirs['images/s']})
    return rows


if __name__=='__main__':
    for row in bench_train(): print(row)
