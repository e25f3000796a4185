"""The demo: the flight-delay system, and a year of its life."""

from homeostat.demo._story import run_demo
from homeostat.demo._system import LEAKY, PERIOD, flight_delay, policies

__all__ = ["LEAKY", "PERIOD", "flight_delay", "policies", "run_demo"]
