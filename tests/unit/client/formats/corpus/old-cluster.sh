#!/bin/bash
#PBS -N old
#SBATCH -n 1
./solve
