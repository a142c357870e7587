"""Average the weights of several model files with the same network ("model soup", Wortsman 2022).

    python -m lab.soup OUT FILE FILE ...

All files have to continue from the same model: networks trained from different starts can't be averaged. The codec, the
options, and the facts about training come from the first file. `average_of` is added to the facts: the name and share of each file.
"""
import argparse
from pathlib import Path

from colorize_nb.models.store import load_model_file, save_model


def average(files, shares=None):
    "Return the network, codec, spec, and facts of the first file, with the mean of all weights; `shares` sum to 1."
    shares = shares or [1/len(files)]*len(files)
    if len(shares)!=len(files): raise ValueError(f'{len(files)} files need as many shares, but there are {len(shares)}')
    loaded = [load_model_file(f) for f in files]
    states = [model.state_dict() for model,*_ in loaded]
    model, codec, spec, facts = loaded[0]
    for f,state in zip(files[1:], states[1:]):
        if [(k, v.shape) for k,v in state.items()]!=[(k, v.shape) for k,v in states[0].items()]:
            raise ValueError(f'{f} contains another network than {files[0]}')
    def mean(tensors):
        total = sum(s*t.double() for s,t in zip(shares, tensors))
        return total.to(tensors[0].dtype) if tensors[0].is_floating_point() else tensors[0]
    model.load_state_dict({k: mean([s[k] for s in states]) for k in states[0]})
    return model, codec, spec, facts | dict(average_of=[[Path(f).stem, share] for f,share in zip(files, shares)])


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('out', metavar='OUT', help='model file to write')
    p.add_argument('files', nargs='+', metavar='FILE', help='model files, or names of shipped models')
    p.add_argument('--shares', nargs='+', type=float, help='share of each file; default: all the same')
    args = p.parse_args()
    print(save_model(args.out, *average(args.files, args.shares)))
