"""Games on torch tensors."""

from __future__ import annotations

from gan_sde.neural.oracle import TensorOracle as TensorOracle
