"""The nouns of Hutong as frozen values: typed ids, integer units, reasons, errors, limits."""
