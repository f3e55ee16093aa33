"""sessim: try a warm-up schedule before you send it."""

from sessim.model import Model
from sessim.plan import Domain, Plan, Task, TestSend
from sessim.result import Result, load
from sessim.simulation import simulate, simulate_async
from sessim.warmup import published
