"""Staged learning of the N-dimensional LQ-GAN: the mean, then A row by row, each stage on frozen predecessors."""

from gan_sde.staged.law import AbstractLaw as AbstractLaw
from gan_sde.staged.law import EmpiricalLaw as EmpiricalLaw
from gan_sde.staged.law import NormalLaw as NormalLaw
from gan_sde.staged.learn import learn_staged as learn_staged
from gan_sde.staged.plan import Stage as Stage
from gan_sde.staged.plan import StageKind as StageKind
from gan_sde.staged.plan import plan_stages as plan_stages
from gan_sde.staged.result import StagedRun as StagedRun
from gan_sde.staged.result import StageProgress as StageProgress
from gan_sde.staged.result import covariance_floor as covariance_floor
from gan_sde.staged.result import factor_floor as factor_floor
from gan_sde.staged.rules import StepRule as StepRule
