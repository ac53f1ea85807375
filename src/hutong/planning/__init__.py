"""Answers to what-if questions: what to build next, proven on a real queue."""
