"""Compare the recipes with the values that their papers print. `PRINTED` was written from the papers, not from the recipes.

A row is (recipes, field, value, section, quotation from the paper). Every value that a recipe calls printed must be listed here, and every
row must match the recipes."""
from fnmatch import fnmatchcase

import pytest

from colorize_nb.color.classes import ChannelBins
from colorize_nb.color.codecs import LabAB, RGB
from colorize_nb.train.losses import get_loss
from colorize_nb.train.recipes import get_recipe, list_recipes, recipe_dls, recipe_learner

TANH = LabAB(tanh=True)
PRINTED = [
    ('fordham_cnn', 'arch', 'fordham_cnn', '4.1', 'Figure 4. The architecture of our networks'),
    ('fordham_cnn', 'codec', TANH, '3.1', "each individual channel's values are scaled to [-1, 1]"),
    ('fordham_cnn', 'loss', 'l2', 'table 1', 'L2 Loss'),
    ('fordham_cnn', 'size', 224, '4.1', 'The shape of the pixel dimension is (224, 224)'),
    ('fordham_cnn', 'epochs', 500, 'table 1', 'Final 10K 0.0090 0.0101 0.0193 0.0796 0.0893 0.0803 500'),
    ('fordham_cnn', 'l2', 0., '4.2', 'we removed kernel_regularizer'),
    ('fordham_*', 'augment', True, '3.1', 'random rotation, flips and zooms were performed'),
    ('fordham_ae_rgb', 'arch', 'fordham_ae_rgb', '5.1', '4 convolutional block and same the decoder'),
    ('fordham_ae_rgb', 'codec', RGB(tanh=True), '5.1', 'the final output layer by "tanh" function, which rescale the range into (-1, 1)'),
    ('fordham_ae_*', 'loss', 'l2', '5.1', 'MSE as a loss function would give better outputs'),
    ('fordham_ae_lab', 'arch', 'fordham_ae_lab', '5.1', 'eight ConvNet blocks to encoder and another eight ConvNet and UpSampling layers'),
    ('fordham_ae_lab', 'codec', TANH, '5.1', 'we normalized the ab values between (-1, 1)'),
    ('fordham_vgg16', 'arch', 'fordham_vgg16', '6.1.1', 'VGG16 pretrained model will be used an encoder'),
    ('fordham_vgg16', 'codec', TANH, '3.1', "each individual channel's values are scaled to [-1, 1]"),
    ('fordham_lite0', 'codec', TANH, '3.1', "each individual channel's values are scaled to [-1, 1]"),
    ('fordham_vgg16', 'loss', 'l2', 'table 2', 'L2 Loss'),
    ('fordham_lite0', 'loss', 'l2', 'table 2', 'L2 Loss'),
    ('fordham_vgg16', 'size', 224, '6.1.1', 'predicted ab layer in the shape of (224, 224, 2)'),
    ('fordham_lite0', 'size', 224, '6.1.1', 'predicted ab layer in the shape of (224, 224, 2)'),
    ('fordham_vgg16', 'epochs', 500, '6.1.3', 'after 500 epochs'),
    ('fordham_lite0', 'epochs', 500, '6.1.3', 'after 500 epochs'),
    ('fordham_inception', 'arch', 'fordham_inception', '6.2.1',
     'integrating its output with custom feature extracting convolutional layers'),
    ('fordham_inception', 'codec', TANH, '3.1', "each individual channel's values are scaled to [-1, 1]"),
    ('fordham_inception', 'loss', 'l2', '6.2.2', 'the L2 model was able to learn a wide spectrum of colors quickly'),
    ('fordham_inception', 'size', 224, '6.2.1', 'the images were resized to (224, 224, 1)'),
    ('fordham_inception', 'bs', 100, '6.2.2', 'a batch size of 100 worked best'),
    ('fordham_inception', 'epochs', 100, '6.2.3', 'very realistic looking images in just 100 epochs'),
    ('fordham_inception', 'lr', 1e-3, '6.2.2', 'The default Adam learning rate of 0.001'),
    ('fordham_inception', 'opt', (.9, .999), '6.2.2', 'beta_1 = 0.9, beta_2 = 0.999'),
    ('fordham_inception', 'l2', 0., '6.2.2', 'so this was not included'),
    ('cats_vgg16', 'arch', 'cats_vgg16', 'tables 1 and 2', 'Trimmed pre-trained VGG-16; Decoder that is to be learned'),
    ('cats_vgg16_bn', 'arch', 'cats_vgg16_bn', '4.2', 'Prior to each convolutional layer the batch normalization would normalize the data'),
    ('cats_vgg16_dropout', 'arch', 'cats_vgg16_dropout', '4.3', 'the dropout method is regulating the overfitting'),
    ('cats_*', 'codec', TANH, '3.4', 're-scaled with a factor of 1/128 [...] the range of the tanh activation function'),
    ('cats_*', 'loss', 'l2', '3.5', 'Mean Squared Error'),
    ('cats_*', 'size', 224, '3.3', 'AB color channels of size (224, 224, 2)'),
    ('stanford_conv3', 'arch', 'stanford_conv3', '4.1', '3 layers of CNN followed by a Fully Connected layer'),
    ('stanford_conv3', 'loss', 'l2', '4.1', 'We used the L2 loss function as the objective'),
    ('stanford_conv3', 'size', 32, '4.2.1', 'the CIFAR-10 32x32 images'),
    ('stanford_conv9', 'arch', 'stanford_conv9', '4.2.3', '9 2D convolutional layers'),
    ('stanford_conv9_smooth_l1', 'arch', 'stanford_conv9', '4.2.3', '9 2D convolutional layers'),
    ('stanford_bins*', 'arch', 'stanford_conv9', '4.2.3', '9 2D convolutional layers'),
    ('stanford_conv9_dropout', 'arch', 'stanford_conv9_dropout', '4.2.7', 'We introduced dropout right after the batchnorm layers'),
    ('stanford_conv9', 'loss', 'l2', '4.2.4', 'L2 loss: The L2 can be mathematically defined as'),
    ('stanford_conv9_dropout', 'loss', 'l2', '4.2.4', 'L2 w Dropout'),
    ('stanford_conv9_smooth_l1', 'loss', 'smooth_l1', '4.2.4', 'Smooth L1 loss'),
    ('stanford_bins*', 'loss', 'ce', '4.2.4', 'Cross-entropy loss: This loss is used with our classification approach'),
    ('stanford_bins10', 'codec', ChannelBins(10), '4.2.2', 'We use 10 bins such that each bin corresponds to a range of 20 pixels'),
    ('stanford_bins30', 'codec', ChannelBins(30), '5.4', 'table 2'),
    ('stanford_bins50', 'codec', ChannelBins(50), '5.4', 'table 2'),
    ('stanford_conv9*', 'size', 64, '4.2.1', 'down sampled ImageNet images with 64x64 resolution'),
    ('stanford_bins*', 'size', 64, '4.2.1', 'down sampled ImageNet images with 64x64 resolution'),
    *[(n, f, v, '4.2.8', w) for n in ('stanford_conv9*', 'stanford_bins*') for f,v,w in (
        ('bs', 250, 'batch sizes of 250'), ('epochs', 200, 'We trained for 200 epochs'), ('lr', 1e-3, 'a learning rate of 1e-3'),
        ('opt', (.9, .999), 'beta1=0.9 and beta2=0.999'))],
    ('stanford_cgan', 'arch', 'stanford_cgan', 'appendix 1', 'we use a "U-Net" instead of a strict encoder-decoder model'),
    ('koalarization', 'arch', 'koalarization', '3.2', 'Fig 3. Figure showing NN architecture'),
    ('koalarization', 'kwargs', dict(background=True), '3.1.2', 'feature vectors of shape H/8 X W/8 X 1257'),
    ('koalarization*', 'loss', 'half_sum', '3.2', '1/(2HW) sum over k in {a,b}'),
    ('koalarization*', 'lr', 1e-3, '3.2', 'learning rate of 0.001'),
    ('indiana_unet', 'arch', 'indiana_unet', 'table of layers', 'Total params: 9,600,438'),
    ('indiana_unet', 'loss', 'l1', 'Loss Function', "The loss function used is 'Mean Absolute Error'"),
    ('indiana_unet', 'size', 160, 'Dataset', 'a size of 160x160x3'),
    ('indiana_unet', 'bs', 50, 'Batch size', 'we used a batch size of 50'),
    ('indiana_unet', 'epochs', 100, 'Batch size', 'We finalized having 100 epochs'),
    ('indiana_unet', 'lr', 1e-3, 'Optimizer', 'we chose Adam optimizer and 0.001 learning rate'),
    ('indiana_unet', 'monitor', 'train_loss', 'Batch size', 'EarlyStopping callback, monitoring loss'),
]
PRINTED += [('fordham_lite0', *rest) for n,*rest in PRINTED if n=='fordham_vgg16' and rest[0]!='arch'] # another encoder
SOURCES = 'fordham', 'cats', 'stanford', 'koalarization', 'indiana' # without Zhang 2016, which the papers only cite

def rows(): return [(n, *rest) for pattern,*rest in PRINTED for n in list_recipes() if fnmatchcase(n, pattern)]

@pytest.mark.parametrize('name,field,value,section,words', rows(), ids=lambda v: v if isinstance(v, str) and len(v)<30 else '')
def test_recipes_have_the_printed_values(name, field, value, section, words):
    r = get_recipe(name)
    got = r.codec() if field=='codec' else r.opt[:2] if field=='opt' else getattr(r, field)
    origin, where = r.origins[field]
    assert got==value, f'{name}.{field}: the paper prints {value} in {section} ("{words}"), but the recipe has {got}'
    assert origin=='printed' and section in where, f'{name}.{field} is printed in {section} ("{words}"), but the recipe has {origin}, {where}'

def test_no_other_value_is_called_printed():
    known = {(n, f) for n,f,*_ in rows()}
    ours = [n for n in list_recipes() if n.startswith(SOURCES)]
    claimed = {(n, f) for n in ours for f,(origin,_) in get_recipe(n).origins.items() if origin=='printed'}
    assert claimed-known==set()

@pytest.mark.parametrize('name', ['stanford_conv3', 'indiana_unet'])
def test_a_learner_uses_the_recipe(name, tmp_path):
    "The learner gets the recipe's loss, batch size, learning rate, image size, and Adam's betas."
    from colorize_nb.data.folder import crop_photos
    r = get_recipe(name)
    dls = recipe_dls(name, crop_photos(tmp_path/'photos', n=int(1.3*r.bs)+5, size=32), device='cpu', augment=False)
    assert dls.bs==r.bs and dls.size==r.size and dls.codec==r.codec()
    learn = recipe_learner(name, dls, metrics=[])
    learn.create_opt()
    hyper = learn.opt.hypers[0]
    assert learn.lr==r.lr and (hyper['mom'], hyper['sqr_mom'], hyper['eps'])==r.opt
    assert learn.loss_func.__name__==r.loss==get_loss(r.loss, dls.codec).__name__
