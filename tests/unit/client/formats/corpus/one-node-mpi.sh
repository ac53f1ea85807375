#!/bin/bash
#SBATCH --job-name=cavity
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=32
#SBATCH --mem-per-cpu=2G
#SBATCH --time=12:00:00
#SBATCH --exclusive
#SBATCH --chdir=/scratch/cfd/cavity
#SBATCH --hint=nomultithread

# OpenFOAM on one node: mpirun starts all ranks itself.
module purge
module load openmpi/4.1 openfoam/11
decomposePar -force
mpirun -np $SLURM_NTASKS icoFoam -parallel > log.icoFoam 2>&1
reconstructPar
