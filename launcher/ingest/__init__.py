"""Files of events into Kafka: in order of time, each event once, however often it is tried."""
