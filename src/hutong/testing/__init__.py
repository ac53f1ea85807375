"""In-memory twins, builders and conformance suites for the tests of connectors and stores."""
