"""From folded weights back to a network that learns."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..encoder import learn_scales
from ..model import IuvNetwork, is_conv_norm


class Moments:
    """Mean and variance of a convolution's channels over everything that it was given: a forward hook."""

    def __init__(self, channels: int):
        self.sums, self.squares, self.count = torch.zeros(channels), torch.zeros(channels), 0

    def __call__(self, layer: nn.Module, given: tuple, out: Tensor):
        self.sums += out.sum((0, 2, 3))
        self.squares += out.square().sum((0, 2, 3))
        self.count += out[:, 0].numel()

    def mean_and_variance(self) -> tuple[Tensor, Tensor]:
        mean = self.sums / self.count
        return mean, (self.squares / self.count - mean.square()).clamp(min=0)


@torch.no_grad()
def unfolded(folded: IuvNetwork, images: Iterable[Tensor]) -> IuvNetwork:
    """A network with norms, for training on, that computes in eval mode what `folded` does.

    Its norms have the statistics that `folded` shows on `images`, each (B, 3, H, W) float32 as the network takes them; the more there are,
    the closer is the first step to what was learned before.
    """
    network = IuvNetwork()
    network.encoder.load_state_dict(folded.encoder.state_dict())
    learn_scales(network.encoder)
    network.uv.load_state_dict(folded.uv.state_dict())
    network.labels.load_state_dict(folded.labels.state_dict())
    pairs = {name: layer for name, layer in network.named_modules() if is_conv_norm(layer)}
    moments = {name: Moments(layer[1].num_features) for name, layer in pairs.items()}
    hooks = [folded.get_submodule(name).register_forward_hook(moment) for name, moment in moments.items()]
    for batch in images:
        folded(batch)
    for hook in hooks:
        hook.remove()
    for name, (conv, norm) in pairs.items():
        source = folded.get_submodule(name)
        mean, variance = moments[name].mean_and_variance()
        conv.weight.copy_(source.weight)
        norm.running_mean.copy_(mean - source.bias)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean)
    return network
