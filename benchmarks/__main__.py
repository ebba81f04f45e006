"""Run all benchmarks: ``python -m benchmarks``."""

from __future__ import annotations

from benchmarks import lq_gan_sde, staged

if __name__ == "__main__":
    lq_gan_sde.run()
    staged.run()
