"""In which order a replay serves what happens at one timestamp."""

STRICT = "strict"
PROTOTYPE = "prototype"
ORDERS = (STRICT, PROTOTYPE)
"""Departures before the arrivals of a timestamp; or behind them, as the prototype does."""
