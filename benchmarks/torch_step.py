"""Child process of benchmarks.training_step: a CycleGAN step in PyTorch.

Networks as in the paper's appendix 7.2 and its authors' code, and the order of that code: separate
passes for translation and identity images, separate backward calls for the generators, D_A and D_B.
There is no image pool, which would only cost time. Runs in an environment with PyTorch and without
our packages.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn.functional import l1_loss, mse_loss

from benchmarks.step_worker import serve

LAMBDA_CYCLE, LAMBDA_IDENTITY = 10.0, 0.5


def generator(blocks: int, ngf: int) -> nn.Sequential:
    """RGB [N, 3, H, W] in [-1, 1] to the same; transposed convolutions double the size."""
    layers = [nn.ReflectionPad2d(3), *_normalized(nn.Conv2d(3, ngf, 7))]
    for channels in (ngf, 2 * ngf):
        layers += _normalized(nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1))
    layers += [ResidualBlock(4 * ngf) for _ in range(blocks)]
    for channels in (4 * ngf, 2 * ngf):
        up = nn.ConvTranspose2d(channels, channels // 2, 3, stride=2, padding=1, output_padding=1)
        layers += _normalized(up)
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh()]
    return _initialized(nn.Sequential(*layers))


class ResidualBlock(nn.Module):
    """Two mirrored 3x3 convolutions with instance normalization around an identity."""

    def __init__(self, channels: int):
        super().__init__()
        first, second = (_normalized(nn.Conv2d(channels, channels, 3)) for _ in range(2))
        pads = nn.ReflectionPad2d(1), nn.ReflectionPad2d(1)
        self.branch = nn.Sequential(pads[0], *first, pads[1], *second[:-1])

    def forward(self, x):
        return x + self.branch(x)


def discriminator(ndf: int) -> nn.Sequential:
    """RGB [N, 3, H, W] to scores of patches of 70x70 pixels, without activation."""
    layers = [nn.Conv2d(3, ndf, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    for channels, stride in ((ndf, 2), (2 * ndf, 2), (4 * ndf, 1)):
        convolution = nn.Conv2d(channels, 2 * channels, 4, stride=stride, padding=1)
        layers += [*_normalized(convolution)[:-1], nn.LeakyReLU(0.2, inplace=True)]
    return _initialized(nn.Sequential(*layers, nn.Conv2d(8 * ndf, 1, 4, padding=1)))


def _normalized(layer) -> list[nn.Module]:
    return [layer, nn.InstanceNorm2d(layer.out_channels), nn.ReLU(inplace=True)]


def _initialized(network: nn.Module) -> nn.Module:
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, 0.0, 0.02)
        else:
            nn.init.zeros_(parameter)
    return network


class TorchCycleGAN:
    """Networks, losses and optimizers; bfloat16 means autocast of passes and losses."""

    def __init__(self, blocks: int, ngf: int, ndf: int, bfloat16: bool):
        self.bfloat16 = bfloat16
        self.g_ab, self.g_ba = (generator(blocks, ngf) for _ in range(2))
        self.d_a, self.d_b = (discriminator(ndf) for _ in range(2))
        self.generator_optimizer = self._adam(self.g_ab, self.g_ba)
        self.discriminator_optimizer = self._adam(self.d_a, self.d_b)

    def _adam(self, *networks):
        weights = itertools.chain(*(network.parameters() for network in networks))
        return torch.optim.Adam(weights, lr=2e-4, betas=(0.5, 0.999))

    def step(self, batch) -> dict[str, float]:
        """One update of all four networks; the losses by name."""
        real_a, real_b = batch
        self._require_discriminator_gradients(False)
        with self._autocast():
            fake_b, fake_a = self.g_ab(real_a), self.g_ba(real_b)
            losses = self._generator_losses(real_a, real_b, fake_a, fake_b)
        self.generator_optimizer.zero_grad()
        sum(losses.values()).backward()
        self.generator_optimizer.step()

        self._require_discriminator_gradients(True)
        self.discriminator_optimizer.zero_grad()
        for name, network, real, fake in (
            ("D_A", self.d_a, real_a, fake_a.detach()),
            ("D_B", self.d_b, real_b, fake_b.detach()),
        ):
            with self._autocast():
                losses[name] = 0.5 * (_lsgan(network(real), 1.0) + _lsgan(network(fake), 0.0))
            losses[name].backward()
        self.discriminator_optimizer.step()
        return {name: loss.item() for name, loss in losses.items()}

    def _generator_losses(self, real_a, real_b, fake_a, fake_b) -> dict:
        identity = LAMBDA_CYCLE * LAMBDA_IDENTITY
        return {
            "idt_A": identity * l1_loss(self.g_ab(real_b), real_b),
            "idt_B": identity * l1_loss(self.g_ba(real_a), real_a),
            "G_A": _lsgan(self.d_b(fake_b), 1.0),
            "G_B": _lsgan(self.d_a(fake_a), 1.0),
            "cycle_A": LAMBDA_CYCLE * l1_loss(self.g_ba(fake_b), real_a),
            "cycle_B": LAMBDA_CYCLE * l1_loss(self.g_ab(fake_a), real_b),
        }

    def _require_discriminator_gradients(self, required: bool) -> None:
        for weight in itertools.chain(self.d_a.parameters(), self.d_b.parameters()):
            weight.requires_grad = required

    def _autocast(self):
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16)


def _lsgan(scores, target: float):
    return mse_loss(scores, torch.full_like(scores, target))


def prepare(settings: dict) -> tuple[Callable, Sequence, dict]:
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(1)
    sizes = (settings[name] for name in ("blocks", "ngf", "ndf"))
    gan = TorchCycleGAN(*sizes, bfloat16=settings["precision"] == "bfloat16")
    shape = (settings["batch_size"], 3, settings["crop_size"], settings["crop_size"])
    batches = [tuple(torch.rand(shape) * 2 - 1 for _ in "ab") for _ in range(8)]

    def parameters(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    return (
        gan.step,
        batches,
        {
            "generator_parameters": parameters(gan.g_ab),
            "discriminator_parameters": parameters(gan.d_a),
            "library": f"PyTorch {torch.__version__}",
        },
    )


if __name__ == "__main__":
    serve(prepare)
