"""What sources read from, as real servers for tests: a Kafka broker, an object store, our own HTTP door."""
