#!/bin/bash
#SBATCH --ntasks=4
#SBATCH --constraint="skylake&ib"
./solve
