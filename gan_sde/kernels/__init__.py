"""From a recipe to numbers: a fused CPU kernel and a plain numpy reference, on the same random numbers."""

from gan_sde.kernels.cpu import cpu_stepper as cpu_stepper
from gan_sde.kernels.reference import reference_stepper as reference_stepper
from gan_sde.kernels.stepper import AbstractStepper as AbstractStepper
