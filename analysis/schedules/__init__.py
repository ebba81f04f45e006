"""Learning-rate schedules: plain decays as arrays, and rules that watch a training's fluctuations.

Plain decays give one learning rate an iteration, as simulations take them. Rules read the dissipation and the
fluctuation of every player, step by step, and lower the rate where a relation between the two says that the
training has become stationary. Depends on numpy and scipy only.
"""

from analysis.schedules.armijo import LineSearch as LineSearch
from analysis.schedules.armijo import SmoothedSearch as SmoothedSearch
from analysis.schedules.armijo import armijo_warmup as armijo_warmup
from analysis.schedules.armijo import line_search as line_search
from analysis.schedules.batch_means import BatchTest as BatchTest
from analysis.schedules.batch_means import batch_test as batch_test
from analysis.schedules.decays import constant as constant
from analysis.schedules.decays import cosine as cosine
from analysis.schedules.decays import inverse_time as inverse_time
from analysis.schedules.decays import power as power
from analysis.schedules.decays import step_decay as step_decay
from analysis.schedules.per_player import PerPlayer as PerPlayer
from analysis.schedules.record import Record as Record
from analysis.schedules.rule import AbstractRule as AbstractRule
from analysis.schedules.schedule_file import read_schedule as read_schedule
from analysis.schedules.schedule_file import write_schedule as write_schedule
from analysis.schedules.stable_rate import stable_rate as stable_rate
from analysis.schedules.stationarity_rule import StationarityRule as StationarityRule
from analysis.schedules.two_time_scale import two_time_scale as two_time_scale
from analysis.schedules.yaida import YaidaRule as YaidaRule
