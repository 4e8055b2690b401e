"""How long a layer takes and how much memory, beside floors taken in the same run."""
