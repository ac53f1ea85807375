#!/usr/bin/env python3
# SBATCH --job-name=histogram
# SBATCH --cpus-per-task=2 --mem=4G --time=30

"""A batch script need not be for a shell."""

import collections
import os

print(collections.Counter(os.environ["SLURM_JOB_ID"]))
