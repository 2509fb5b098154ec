"""The Faust shell: the only place that speaks Kafka and Arrow."""
