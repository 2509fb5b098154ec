"""Errors of the shell.

AffluxError
  BrokerUnavailable   Kafka cannot be reached or does not answer in time: retry
    registry.RegistryUnavailable   nor does the schema registry
  TopicsUnfit         topics are missing, or not partitioned as the planes need them
  TooManyFailures     a partition failed unexpectedly again and again; exit code 1
  ports.Rewind, ports.StopPartition, ports.TopicsChanged   raised by planes
"""

from __future__ import annotations

from afflux.names import AffluxError


class BrokerUnavailable(AffluxError):
    """Kafka cannot be reached or does not answer in time."""


class MessageRefused(AffluxError):
    """Kafka refuses a message for good. Trying again does not help."""


class TopicsUnfit(AffluxError):
    """Topics are missing or not co-partitioned. The message names what resolves it."""


class TooManyFailures(AffluxError):
    """The same partition failed unexpectedly again and again. The worker stops with code 1."""
