#!/bin/bash -l
#SBATCH -J lr-sweep
#SBATCH -A campus/speech
#SBATCH -p gpu
#SBATCH -n1 -c4
#SBATCH --mem=24G
#SBATCH --gres=gpu:v100:1
#SBATCH -t 0-04:00
#SBATCH -a 0-8:2%2
#SBATCH -o logs/%A_%a.out
#SBATCH -e logs/%A_%a.err
#SBATCH --mail-type=END,FAIL
#SBATCH --mail-user=someone@example.edu

set -euo pipefail
cd /home/speech/sweep

RATES=(0.1 0.05 0.01 0.005 0.001)
RATE=${RATES[$((SLURM_ARRAY_TASK_ID / 2))]}
echo "task ${SLURM_ARRAY_TASK_ID} of ${SLURM_ARRAY_TASK_COUNT}: rate=${RATE}"
python train.py --lr "$RATE" --workers "$SLURM_CPUS_PER_TASK"
