#!/bin/bash
#SBATCH --job-name=x
#SBATCH --cpu-per-task=8
./solve
