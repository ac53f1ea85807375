"""In-memory twins, builders and conformance suites, shipped for the tests of connectors and stores."""
