"""Child process of benchmarks.training_step: a CycleGAN step in PyTorch, in the order of the
authors' code.

Separate passes for translation and identity images, separate backward calls for the generators, D_A
and D_B. Runs in the environment that benchmarks.torch_environment makes; our packages are not
there.
"""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Callable

from benchmarks.step_worker import serve

LAMBDA_CYCLE, LAMBDA_IDENTITY = 10.0, 0.5


class ImagePool:
    """Up to `size` generated images; once full, half of the time an older one comes back in
    exchange.
    """

    def __init__(self, size: int = 50):
        self.size, self.images = size, []

    def swap(self, batch):
        import torch

        return torch.stack([self._swap_one(image) for image in batch.detach().float()])

    def _swap_one(self, image):
        if len(self.images) < self.size:
            self.images.append(image)
            return image
        if random.random() < 0.5:
            return image
        place = random.randrange(self.size)
        old, self.images[place] = self.images[place], image
        return old


class TorchCycleGAN:
    """Networks, losses and optimisers of one CycleGAN; bfloat16 means autocast of passes and
    losses.
    """

    def __init__(self, blocks: int, ngf: int, ndf: int, bfloat16: bool):
        import torch

        from benchmarks import torch_networks as networks

        self.bfloat16 = bfloat16
        self.g_ab, self.g_ba = (networks.generator(blocks, ngf) for _ in range(2))
        self.d_a, self.d_b = (networks.discriminator(ndf) for _ in range(2))
        self.pool_a, self.pool_b = ImagePool(), ImagePool()

        def adam(*pair):
            weights = itertools.chain(*(network.parameters() for network in pair))
            return torch.optim.Adam(weights, lr=2e-4, betas=(0.5, 0.999))

        self.generator_optimizer, self.discriminator_optimizer = (
            adam(self.g_ab, self.g_ba),
            adam(self.d_a, self.d_b),
        )

    def step(self, real_a, real_b) -> dict[str, float]:
        """One update of all four networks; the losses by name."""
        self._learn_from_discriminators(False)
        with self._autocast():
            fake_b, fake_a = self.g_ab(real_a), self.g_ba(real_b)
            losses = self._generator_losses(real_a, real_b, fake_a, fake_b)
        self.generator_optimizer.zero_grad()
        sum(losses.values()).backward()
        self.generator_optimizer.step()

        self._learn_from_discriminators(True)
        self.discriminator_optimizer.zero_grad()
        for name, network, real, fake in (
            ("D_A", self.d_a, real_a, self.pool_a.swap(fake_a)),
            ("D_B", self.d_b, real_b, self.pool_b.swap(fake_b)),
        ):
            with self._autocast():
                losses[name] = 0.5 * (_lsgan(network(real), 1.0) + _lsgan(network(fake), 0.0))
            losses[name].backward()
        self.discriminator_optimizer.step()
        return {name: loss.item() for name, loss in losses.items()}

    def _generator_losses(self, real_a, real_b, fake_a, fake_b) -> dict:
        from torch.nn.functional import l1_loss

        identity = LAMBDA_CYCLE * LAMBDA_IDENTITY
        return {
            "idt_A": identity * l1_loss(self.g_ab(real_b), real_b),
            "idt_B": identity * l1_loss(self.g_ba(real_a), real_a),
            "G_A": _lsgan(self.d_b(fake_b), 1.0),
            "G_B": _lsgan(self.d_a(fake_a), 1.0),
            "cycle_A": LAMBDA_CYCLE * l1_loss(self.g_ba(fake_b), real_a),
            "cycle_B": LAMBDA_CYCLE * l1_loss(self.g_ab(fake_a), real_b),
        }

    def _learn_from_discriminators(self, wanted: bool) -> None:
        for weight in itertools.chain(self.d_a.parameters(), self.d_b.parameters()):
            weight.requires_grad = wanted

    def _autocast(self):
        import torch

        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16)


def _lsgan(scores, wanted: float):
    import torch

    return torch.nn.functional.mse_loss(scores, torch.full_like(scores, wanted))


def prepare(settings: dict) -> tuple[Callable[[], None], dict]:
    warnings.filterwarnings(
        "ignore", message="Failed to initialize NumPy"
    )  # not installed there, nor used
    import torch

    from benchmarks import torch_networks as networks

    torch.set_num_threads(settings["threads"])
    torch.manual_seed(1)
    random.seed(1)
    gan = TorchCycleGAN(
        settings["blocks"], settings["ngf"], settings["ndf"], settings["precision"] == "bfloat16"
    )
    shape = (settings["batch_size"], 3, settings["crop_size"], settings["crop_size"])
    batches = [tuple(torch.rand(shape) * 2 - 1 for _ in "ab") for _ in range(8)]

    def step() -> None:
        batches.append(batches.pop(0))
        gan.step(*batches[0])

    return step, {
        "generator_parameters": networks.parameters(gan.g_ab),
        "discriminator_parameters": networks.parameters(gan.d_a),
        "library": f"PyTorch {torch.__version__}",
    }


if __name__ == "__main__":
    serve(prepare)
