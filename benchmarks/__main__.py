"""Run all benchmarks: ``python -m benchmarks``."""

from __future__ import annotations

from benchmarks import lq_gan_maps, lq_gan_sde, staged

if __name__ == "__main__":
    lq_gan_sde.run()
    lq_gan_maps.run()
    staged.run()
