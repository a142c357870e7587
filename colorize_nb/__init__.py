__version__ = "0.1.0"

import warnings

# fastai calls it when imported
warnings.filterwarnings('ignore', message='`torch.jit.script` is deprecated', category=FutureWarning)
