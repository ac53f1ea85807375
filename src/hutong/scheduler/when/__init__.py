"""When to run what can wait: on spot capacity before a deadline, or in a cleaner hour.

Pure policies over integers: they are told what is known at present and say what to do next.
"""
