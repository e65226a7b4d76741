"""CycleGAN's networks in PyTorch, as the paper's appendix 7.2 and its authors' code define them:
the yardstick of benchmarks.training_step. Needs PyTorch and nothing else."""

from __future__ import annotations

import torch
from torch import nn


def generator(blocks: int, ngf: int) -> nn.Sequential:
    """RGB [N, 3, H, W] in [-1, 1] to the same; transposed convolutions double the size."""
    layers = [nn.ReflectionPad2d(3), *_convolution(3, ngf, 7)]
    for channels in (ngf, 2 * ngf):
        layers += _convolution(channels, 2 * channels, 3, stride=2, padding=1)
    layers += [ResidualBlock(4 * ngf) for _ in range(blocks)]
    for channels in (4 * ngf, 2 * ngf):
        up = nn.ConvTranspose2d(channels, channels // 2, 3, stride=2, padding=1, output_padding=1)
        layers += [up, nn.InstanceNorm2d(channels // 2), nn.ReLU(inplace=True)]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh()]
    return _initialised(nn.Sequential(*layers))


class ResidualBlock(nn.Module):
    """Two mirrored 3x3 convolutions with instance normalisation around an identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.branch = nn.Sequential(
            nn.ReflectionPad2d(1),
            *_convolution(channels, channels, 3),
            nn.ReflectionPad2d(1),
            *_convolution(channels, channels, 3)[:-1],
        )

    def forward(self, x):
        return x + self.branch(x)


def discriminator(ndf: int) -> nn.Sequential:
    """RGB [N, 3, H, W] to scores of patches of 70x70 pixels, without activation."""
    layers = [nn.Conv2d(3, ndf, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    for channels, stride in ((ndf, 2), (2 * ndf, 2), (4 * ndf, 1)):
        layers += [
            nn.Conv2d(channels, 2 * channels, 4, stride=stride, padding=1),
            nn.InstanceNorm2d(2 * channels),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    return _initialised(nn.Sequential(*layers, nn.Conv2d(8 * ndf, 1, 4, padding=1)))


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _convolution(inputs: int, outputs: int, kernel: int, **options) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, **options),
        nn.InstanceNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


def _initialised(network: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in network.parameters():
            nn.init.normal_(parameter, 0.0, 0.02) if parameter.ndim > 1 else nn.init.zeros_(
                parameter
            )
    return network
